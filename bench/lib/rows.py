"""The rows, in the order in which they are run. Each takes a Host and gives a list of summaries; the
first line of its text is its title."""
import rows_roots
import rows_scale
import rows_time
import rows_work

ALL = {
    "start-to-exit": rows_time.start_to_exit,
    "start": rows_time.start,
    "exec": rows_time.exec_in,
    "kill": rows_time.kill,
    "disk-verbs": rows_time.disk_verbs,
    "roots": rows_roots.roots,
    "list": rows_scale.list_zones,
    "memory": rows_scale.memory,
    "parallel": rows_scale.parallel,
    "network": rows_work.network,
    "disk": rows_work.disk,
    "cpu": rows_work.cpu,
}
