# bash completion for cella. Made by `cella _man --bash` from the verbs' own tables.
_cella_reply()
{
	mapfile -t COMPREPLY < <(compgen "$@")
}

_cella()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' opts='' names='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root | --run | --log | --format) ((i++)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case $prev in
	--format)
		_cella_reply -W 'table json jsonl csv' -- "$cur"
		return
		;;
	--for)
		_cella_reply -W 'running stopped' -- "$cur"
		return
		;;
	--from | --spec | --root | --run | --log)
		_cella_reply -f -- "$cur"
		return
		;;
	esac
	if [[ -z $verb ]]; then
		_cella_reply -W 'create clone flatten rename destroy rm snapshot image start boot stop kill halt restart reboot undo wait repair exec shell login console cp mount umount run list ls show info ps log set edit validate plan host help --format --json -j --quiet -q --root --run --log --cgroup-manager --help -h --version' -- "$cur"
		return
	fi
	case $verb in
	create)
		opts=' --from --ref --spec --set --description --label'
		;;
	clone)
		opts=' --linked --full --set'
		names=zones
		;;
	flatten)
		opts=' --group --all'
		names=zones
		;;
	rename)
		opts=''
		names=zones
		;;
	destroy | rm)
		opts=' --force -f --group --all'
		names=zones
		;;
	snapshot)
		names='create list show diff restore delete mount umount'
		((i + 1 < COMP_CWORD)) && names=''
		case ${COMP_WORDS[i + 1]-} in
		create)
			opts=' --description -d'
			names=zones
			;;
		list)
			opts=' --columns -o --sort -s --filter --no-header -H'
			;;
		show)
			opts=' --columns -o --sort -s --filter --no-header -H'
			names=zones
			;;
		diff)
			opts=' --columns -o --sort -s --filter --no-header -H'
			;;
		restore)
			opts=' --force -f'
			names=zones
			;;
		delete)
			opts=' --force -f'
			names=zones
			;;
		mount)
			opts=''
			names=zones
			;;
		umount)
			opts=''
			;;
		esac
		;;
	image)
		names='import publish list show delete'
		((i + 1 < COMP_CWORD)) && names=''
		case ${COMP_WORDS[i + 1]-} in
		import)
			opts=' --ref'
			names=files
			;;
		publish)
			opts=''
			names=zones
			;;
		list)
			opts=' --columns -o --sort -s --filter --no-header -H'
			;;
		show)
			opts=' --columns -o --sort -s --filter --no-header -H'
			names=images
			;;
		delete)
			opts=' --force -f'
			names=images
			;;
		esac
		;;
	start | boot)
		opts=' --undo --commit --discard --group --all'
		names=zones
		;;
	stop)
		opts=' --timeout -t --no-kill --commit --discard --group --all'
		names=zones
		;;
	kill | halt)
		opts=' --signal -s --group --all'
		names=zones
		;;
	restart | reboot)
		opts=' --timeout -t --group --all'
		names=zones
		;;
	undo)
		names='commit discard'
		((i + 1 < COMP_CWORD)) && names=''
		case ${COMP_WORDS[i + 1]-} in
		commit)
			opts=' --group --all'
			names=zones
			;;
		discard)
			opts=' --force -f --group --all'
			names=zones
			;;
		esac
		;;
	wait)
		opts=' --for --timeout -t --group --all'
		names=zones
		;;
	repair)
		opts=' --group --all'
		names=zones
		;;
	exec)
		opts=' --user -u --workdir -w --env -e --tty -t --no-tty -T --interactive -i'
		names=zones
		;;
	shell | login)
		opts=' --user -u --workdir -w --env -e --tty -t --no-tty -T'
		names=zones
		;;
	console)
		opts=' --escape -e --lines -n'
		names=zones
		;;
	cp)
		opts=' --archive -a --follow-link -L'
		names=zones
		;;
	mount)
		opts=' --options -o --no-idmap --persist'
		names=zones
		;;
	umount)
		opts=' --lazy -l --persist'
		names=zones
		;;
	run)
		opts=' --from --name --spec --set --user -u --workdir -w --env -e --disk --tty -t --no-tty -T --interactive -i --rm'
		;;
	list | ls)
		opts=' --group --all --columns -o --sort -s --filter --no-header -H'
		names=zones
		;;
	show | info)
		opts=' --spec --expanded --group --all --columns -o --sort -s --filter --no-header -H'
		names=zones
		;;
	ps)
		opts=' --group --all --columns -o --sort -s --filter --no-header -H'
		names=zones
		;;
	log)
		opts=' --follow -f --lines -n --raw --events --columns -o --sort -s --filter --no-header -H'
		names=zones
		;;
	set)
		opts=' --dry-run -n --group --all'
		names=zones
		;;
	edit)
		opts=''
		names=zones
		;;
	validate)
		opts=''
		names=files
		;;
	plan)
		opts=''
		names=zones
		;;
	host)
		names='check gc verify start stop'
		((i + 1 < COMP_CWORD)) && names=''
		case ${COMP_WORDS[i + 1]-} in
		check)
			opts=' --columns -o --sort -s --filter --no-header -H'
			;;
		gc)
			opts=' --dry-run -n --columns -o --sort -s --filter --no-header -H'
			;;
		verify)
			opts=' --columns -o --sort -s --filter --no-header -H'
			;;
		start)
			opts=''
			;;
		stop)
			opts=''
			;;
		esac
		;;
	help)
		opts=''
		;;
	esac
	if [[ $cur == -* ]]; then
		_cella_reply -W "$opts --format --json -j --quiet -q --root --run --log --cgroup-manager --help -h --version" -- "$cur"
	elif [[ $names == zones ]]; then
		_cella_reply -W "$(cella list -q 2>/dev/null)" -- "$cur"
	elif [[ $names == images ]]; then
		_cella_reply -W "$(cella image list -q 2>/dev/null)" -- "$cur"
	elif [[ $names == files ]]; then
		_cella_reply -f -- "$cur"
	elif [[ -n $names ]]; then
		_cella_reply -W "$names" -- "$cur"
	fi
}
complete -F _cella cella
