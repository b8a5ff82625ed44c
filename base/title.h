/* title.h: the arguments of this process as others see them in /proc/PID/cmdline. Whoever sees the
 * process may read them, whatever its privileges: a process that goes among strangers blanks them
 * (S02). */
#pragma once

/* main(): where they are. */
void title_remember(char *const *argv);
/* Zeros instead of them, in this process alone. The strings that main() got are gone then: what is
 * needed is copied before. Async-signal-safe. */
void title_blank(void);
