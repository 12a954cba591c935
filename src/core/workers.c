/* workers.c: the thread pool. See workers.h.
 *
 * A round is announced under the lock by raising `round`; threads draw task numbers from an atomic counter and report when it
 * runs dry. Between the layers of a network rounds follow each other within microseconds, so a thread spins briefly
 * before it sleeps on the condition variable.
 */
#include "core/workers.h"

#include "core/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { SPINS = 2000 };

struct cs_workers {
	int count;
	int started;
	pthread_t *threads;
	pthread_mutex_t callers; /* held for a whole round */
	pthread_mutex_t lock;    /* guards what follows but the atomics */
	pthread_cond_t wake, done;
	atomic_uint round;
	atomic_int next_task;
	atomic_int busy; /* threads that have not finished this round */
	int tasks;
	cs_task run;
	void *context;
	atomic_bool quit;
};

struct thread_start {
	struct cs_workers *workers;
	int index;
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

static void work(struct cs_workers *w, int worker)
{
	for (;;) {
		int task = atomic_fetch_add_explicit(&w->next_task, 1, memory_order_relaxed);

		if (task >= w->tasks)
			return;
		w->run(w->context, task, worker);
	}
}

static unsigned wait_for_round(struct cs_workers *w, unsigned seen)
{
	for (int i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(&w->round, memory_order_acquire) != seen)
			return atomic_load(&w->round);
		relax();
	}
	pthread_mutex_lock(&w->lock);
	while (atomic_load(&w->round) == seen)
		pthread_cond_wait(&w->wake, &w->lock);
	pthread_mutex_unlock(&w->lock);
	return atomic_load(&w->round);
}

static void *thread_main(void *argument)
{
	struct thread_start start = *(struct thread_start *)argument;
	struct cs_workers *w = start.workers;
	unsigned seen = 0;

	cs_free(argument);
	for (;;) {
		seen = wait_for_round(w, seen);
		if (atomic_load(&w->quit))
			return NULL;
		work(w, start.index);
		if (atomic_fetch_sub(&w->busy, 1) == 1) {
			pthread_mutex_lock(&w->lock);
			pthread_cond_signal(&w->done);
			pthread_mutex_unlock(&w->lock);
		}
	}
}

/* The cgroup's quota in whole processors, or a large number: inside a container affinity alone promises too much. */
static int cgroup_limit(void)
{
	FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
	long quota = 0, period = 0;
	int limit = 1 << 16;

	if (!file)
		return limit;
	if (fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0)
		limit = (int)((quota + period - 1) / period);
	fclose(file);
	return limit < 1 ? 1 : limit;
}

int cs_processors(void)
{
	cpu_set_t set;
	int count = 1;
	int limit = cgroup_limit();

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		count = CPU_COUNT(&set);
	return count < limit ? count : limit;
}

static void announce(struct cs_workers *w)
{
	pthread_mutex_lock(&w->lock);
	atomic_fetch_add_explicit(&w->round, 1, memory_order_release);
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static enum cs_status start_threads(struct cs_workers *w, struct cs_error *error)
{
	sigset_t all, before;
	enum cs_status status = CS_OK;

	/* signals belong to the thread that knows what to do with them */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 1; i < w->count; i++) {
		struct thread_start *start = cs_alloc(sizeof *start);

		if (!start) {
			status = cs_fail_memory(error, "a thread");
			break;
		}
		*start = (struct thread_start){w, i};
		if (pthread_create(&w->threads[i], NULL, thread_main, start) != 0) {
			cs_free(start);
			status = cs_fail(error, CS_ERR_MEMORY,
				"the system does not give convscope %d threads; use --threads with a smaller number", w->count);
			break;
		}
		w->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return status;
}

enum cs_status cs_workers_new(int threads, struct cs_workers **out, struct cs_error *error)
{
	struct cs_workers *w;
	enum cs_status status;

	if (threads < 0 || threads > 1024)
		return cs_fail(error, CS_ERR_ARGUMENT, "%d threads: expected 1 to 1024, or 0 for one a processor", threads);
	w = cs_calloc(1, sizeof *w);
	if (!w)
		return cs_fail_memory(error, "the thread pool");
	w->count = threads ? threads : cs_processors();
	pthread_mutex_init(&w->callers, NULL);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	pthread_cond_init(&w->done, NULL);
	w->threads = cs_calloc((size_t)w->count, sizeof *w->threads);
	status = w->threads ? start_threads(w, error) : cs_fail_memory(error, "the thread pool");
	if (status) {
		cs_workers_free(w);
		return status;
	}
	*out = w;
	return CS_OK;
}

void cs_workers_free(struct cs_workers *w)
{
	if (!w)
		return;
	atomic_store(&w->quit, true);
	announce(w);
	for (int i = 1; i <= w->started; i++)
		pthread_join(w->threads[i], NULL);
	pthread_cond_destroy(&w->done);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->callers);
	cs_free(w->threads);
	cs_free(w);
}

int cs_workers_count(const struct cs_workers *w)
{
	return w ? w->count : 1;
}

void cs_workers_run(struct cs_workers *w, int tasks, cs_task run, void *context)
{
	if (!w || w->count == 1 || tasks <= 1) {
		if (w)
			pthread_mutex_lock(&w->callers);
		for (int task = 0; task < tasks; task++)
			run(context, task, 0);
		if (w)
			pthread_mutex_unlock(&w->callers);
		return;
	}
	pthread_mutex_lock(&w->callers);
	w->run = run;
	w->context = context;
	w->tasks = tasks;
	atomic_store(&w->next_task, 0);
	atomic_store(&w->busy, w->count - 1);
	announce(w);
	work(w, 0);
	for (int i = 0; i < SPINS && atomic_load(&w->busy); i++)
		relax();
	pthread_mutex_lock(&w->lock);
	while (atomic_load(&w->busy))
		pthread_cond_wait(&w->done, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_unlock(&w->callers);
}
