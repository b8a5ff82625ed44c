#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum err_class class_of_errno(int errnum)
{
	switch (errnum) {
	case EPERM:
	case EACCES:
		return ERR_DENIED;
	case ENOSYS:
		return ERR_HOST;
	case ETIMEDOUT:
		return ERR_TIMEOUT;
	default:
		return ERR_FAILED;
	}
}

void err_clear(struct err *e)
{
	if (e)
		*e = (struct err){0};
}

int err_set(struct err *e, enum err_class cls, const char *fmt, ...)
{
	if (!e)
		return -1;
	/* Arguments may point into *e itself (a caller that re-words): format before clearing. */
	char msg[sizeof e->msg];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	err_clear(e);
	e->cls = cls;
	memcpy(e->msg, msg, sizeof msg);
	return -1;
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	if (!e)
		return -1;
	char what[sizeof e->msg];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	const char *why = strerrordesc_np(errnum);
	err_set(e, class_of_errno(errnum), "%.600s: %s", what, why ? why : "unknown error");
	e->sys_errno = errnum;
	return -1;
}

int err_nomem(struct err *e)
{
	return err_sys(e, ENOMEM, "no memory");
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -1;
	char prefix[320], whole[sizeof e->msg];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(prefix, sizeof prefix, fmt, ap);
	va_end(ap);
	int n = snprintf(whole, sizeof whole, "%s: %.440s", prefix, e->msg);
	(void)n; /* a cut message is still a message */
	memcpy(e->msg, whole, sizeof whole);
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	if (!e || e->hint[0])
		return -1;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(e->hint, sizeof e->hint, fmt, ap);
	va_end(ap);
	return -1;
}

int err_at(struct err *e, const char *step, const char *object)
{
	if (!e || e->step[0])
		return -1;
	(void)snprintf(e->step, sizeof e->step, "%s", step);
	if (object)
		(void)snprintf(e->object, sizeof e->object, "%s", object);
	return -1;
}

int err_class_set(struct err *e, enum err_class cls)
{
	if (e)
		e->cls = cls;
	return -1;
}

const char *err_class_name(enum err_class cls)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",
		[ERR_FAILED] = "failed",
		[ERR_USAGE] = "usage",
		[ERR_NOT_FOUND] = "not_found",
		[ERR_STATE] = "wrong_state",
		[ERR_BUSY] = "busy",
		[ERR_DENIED] = "denied",
		[ERR_HOST] = "host_cannot",
		[ERR_TIMEOUT] = "timed_out",
		[ERR_PARTLY] = "partly",
	};
	if ((unsigned)cls >= sizeof names / sizeof names[0])
		return "unknown";
	return names[cls];
}

const char *err_errno_name(int errnum)
{
	return errnum ? strerrorname_np(errnum) : NULL;
}
