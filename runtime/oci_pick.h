/* oci_pick.h: which of several images is meant. Pure but for uname(2). */
#pragma once
#include "runtime/oci_json.h"

/* This machine's architecture as Go names it: "amd64". */
const char *oci_host_arch(void);
/* `ref` NULL: there has to be only one for this host. */
int oci_pick(const struct oci_descriptors *d, const char *ref, const struct oci_descriptor **ret,
	struct err *e);
int oci_pick_saved(const struct oci_saved_list *l, const char *ref, const struct oci_saved **ret,
	struct err *e);
