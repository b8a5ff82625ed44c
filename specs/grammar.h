/* grammar.h: what a single text value of the spec may look like. Every function returns NULL when
 * the text is fine, "" when it is simply not of that form, or a reason ("is a network address")
 * that is put behind the value in the message. Pure. That every text is valid UTF-8 without control
 * characters is checked before, for all of them in one place (S17). */
#pragma once

const char *grammar_any(const char *s);
const char *grammar_name(const char *s);
const char *grammar_hostname(const char *s);
const char *grammar_image(const char *s);
const char *grammar_arch(const char *s);
/* Absolute, no empty, "." or ".." component, no slash at the end, at most 4,095 bytes. */
const char *grammar_path(const char *s);
const char *grammar_argument(const char *s);
const char *grammar_env_key(const char *s);
const char *grammar_env_value(const char *s);
const char *grammar_label_key(const char *s);
const char *grammar_label_value(const char *s);
const char *grammar_user(const char *s);
const char *grammar_host_user(const char *s);
const char *grammar_signal(const char *s);
const char *grammar_mount_type(const char *s);
const char *grammar_mount_target(const char *s);
const char *grammar_mount_option(const char *s);
const char *grammar_device_path(const char *s);
const char *grammar_device_access(const char *s);
/* "0-3,5": processor numbers below 8,192, ranges in order. */
const char *grammar_cpus(const char *s);
const char *grammar_unified_key(const char *s);
const char *grammar_capability(const char *s);
const char *grammar_seccomp(const char *s);
/* Only keys that belong to the zone's own namespaces (S28). */
const char *grammar_sysctl_key(const char *s);
const char *grammar_sysctl_value(const char *s);
const char *grammar_rlimit(const char *s);
const char *grammar_protect(const char *s);
const char *grammar_admin_right(const char *s);

/* grammar_net.c */
const char *grammar_interface(const char *s);
const char *grammar_mac(const char *s);
const char *grammar_address(const char *s);
const char *grammar_gateway(const char *s);
const char *grammar_dns_server(const char *s);
const char *grammar_domain(const char *s);
const char *grammar_proto(const char *s);

/* NULL-terminated, in the order of their numbers. */
extern const char *const grammar_capability_names[];
extern const char *const grammar_rlimit_names[];
