/* signals.c: stopping a run from a signal handler. See run.h.
 *
 * A handler may do next to nothing: it stores the signal's number, and the loop looks after each batch. There is one such
 * request for the process, as there is one person pressing ^C.
 */
#include "run/run_internal.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int requested;

static const int caught[] = {SIGINT, SIGTERM};
static struct sigaction before[2];
static bool catching;

void cs_run_request_stop(int signal_number)
{
	atomic_store(&requested, signal_number);
}

int cs_run_stop_signal(void)
{
	return atomic_load(&requested);
}

void cs_run_clear_stop(void)
{
	atomic_store(&requested, 0);
}

static void on_signal(int number)
{
	cs_run_request_stop(number);
	for (int i = 0; i < 2; i++) {
		if (caught[i] == number)
			sigaction(number, &before[i], NULL);
	}
}

void cs_run_catch_signals(bool on)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (on == catching)
		return;
	catching = on;
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < 2; i++) {
		if (!on) {
			sigaction(caught[i], &before[i], NULL);
			continue;
		}
		sigaction(caught[i], NULL, &before[i]);
		/* Under nohup and in scripts a signal may be ignored on purpose. */
		if (before[i].sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	}
}
