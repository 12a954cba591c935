/* terminal.c: the screen, signals, and the way back after a crash. See terminal.h.
 *
 * leaveok() stays off: only then does curscr say where the cursor really is, to which the pictures put it back.
 *
 * ncurses is read through a pad, because reading from a window draws it first, and drawing is the main loop's business. The
 * handler for crashes may use nothing but write() and tcsetattr(), so the bytes that restore the terminal are laid out
 * beforehand.
 */
#include "term/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

static const int watched[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP};
static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

enum { WATCHED = sizeof watched / sizeof *watched, FATAL = sizeof fatal / sizeof *fatal };

static SCREEN *screen;
static WINDOW *input;
static int pipe_ends[2] = {-1, -1};
static struct sigaction watched_before[WATCHED], fatal_before[FATAL];
static struct termios modes_before;
static char restore[256];
static size_t restore_length;
static int held = -1, stderr_before = -1; /* a memory file that stands for stderr, and the real one */
static volatile sig_atomic_t taken;
static bool mouse_on;

enum cs_status cs_terminal_check(struct cs_error *error)
{
	const char *term = getenv("TERM");
	const char *address;
	int found = 0;
	bool can;

	if (!isatty(0) || !isatty(1))
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the browser needs a terminal on standard input and output; without one use convscope info, "
			"project and "
			"exemplars, which write files");
	if (!term || !*term)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the environment variable TERM is not set; set it to your terminal's name, such as "
			"xterm-256color");
	if (setupterm(NULL, 1, &found) != OK) {
		if (found == 0)
			return cs_fail(error, CS_ERR_UNSUPPORTED,
				"the terminal '%s' is not known here; install ncurses-term, or set TERM to "
				"xterm-256color if yours is like it",
				term);
		return cs_fail(error, CS_ERR_UNSUPPORTED, "the terminal '%s' cannot be used for a full screen", term);
	}
	address = tigetstr("cup");
	can = address && address != (char *)-1 && tigetflag("hc") <= 0 && tigetflag("gn") <= 0;
	del_curterm(cur_term);
	if (!can)
		return cs_fail(error, CS_ERR_UNSUPPORTED,
			"the terminal '%s' cannot place the cursor, so the browser cannot run in it; use convscope "
			"info, project and "
			"exemplars, which write files",
			term);
	return CS_OK;
}

static void on_signal(int number)
{
	int saved = errno;
	char byte = (char)number;

	if (write(pipe_ends[1], &byte, 1) < 0) {
		/* the pipe is full of signals already */
	}
	errno = saved;
}

/* What libraries wrote to stderr meanwhile, onto the real one. Safe in a signal handler. */
static void print_held(void)
{
	char bytes[512];
	ssize_t size;

	if (held < 0)
		return;
	dup2(stderr_before, 2);
	if (lseek(held, 0, SEEK_SET) == 0) {
		while ((size = read(held, bytes, sizeof bytes)) > 0) {
			if (write(2, bytes, (size_t)size) < 0)
				break;
		}
	}
	close(held);
	close(stderr_before);
	held = stderr_before = -1;
}

/* A crash: give the terminal back, then let the one who handled this before have it (returning repeats the fault). */
static void on_fatal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (taken) {
		taken = 0;
		if (write(1, restore, restore_length) < 0) {
			/* nothing left to do about it */
		}
		tcsetattr(0, TCSANOW, &modes_before);
		print_held();
	}
	for (int i = 0; i < FATAL; i++)
		sigaction(fatal[i], &fatal_before[i], NULL);
	if (info->si_code <= 0) /* sent, not a fault: nothing will repeat it */
		raise(number);
}

/* A terminfo string without its padding ("$<5>"). */
static void add_restore(const char *name)
{
	const char *text = tigetstr(name);

	if (!text || text == (char *)-1)
		return;
	while (*text && restore_length + 1 < sizeof restore) {
		if (text[0] == '$' && text[1] == '<' && strchr(text, '>')) {
			text = strchr(text, '>') + 1;
			continue;
		}
		restore[restore_length++] = *text++;
	}
}

static void set_handlers(void)
{
	struct sigaction watch = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigaction crash = {.sa_sigaction = on_fatal, .sa_flags = SA_NODEFER | SA_SIGINFO};

	sigemptyset(&watch.sa_mask);
	sigemptyset(&crash.sa_mask);
	for (int i = 0; i < WATCHED; i++)
		sigaction(watched[i], &watch, &watched_before[i]);
	for (int i = 0; i < FATAL; i++)
		sigaction(fatal[i], &crash, &fatal_before[i]);
}

static void hold_stderr(void)
{
	if (!isatty(2))
		return;
	held = memfd_create("convscope-stderr", MFD_CLOEXEC);
	if (held < 0)
		return;
	stderr_before = fcntl(2, F_DUPFD_CLOEXEC, 3);
	if (stderr_before < 0) {
		close(held);
		held = -1;
		return;
	}
	dup2(held, 2);
}

/* Presses, releases and the wheel (1000), the way between press and release (1002), in numbers (1006). ncurses would merge what comes quickly
 * after another; its key for the mouse is taken away, so that the reports come as characters. */
static const char mouse_begins[] = "\033[?1000h\033[?1002h\033[?1006h", mouse_ends[] = "\033[?1006l\033[?1002l\033[?1000l";

static void follow_mouse(bool on)
{
	if (mouse_on)
		cs_terminal_write(on ? mouse_begins : mouse_ends, sizeof mouse_begins - 1);
}

/* Only terminals that say they have one; after a crash it is given back too. */
static void ask_for_mouse(void)
{
	const char *report = tigetstr("kmous");
	size_t length = sizeof mouse_ends - 1;

	define_key("\033[<", 0);
	define_key("\033[M", 0);
	mouse_on = report && report != (char *)-1;
	if (mouse_on && restore_length + length < sizeof restore) {
		memmove(restore + length, restore, restore_length);
		memcpy(restore, mouse_ends, length);
		restore_length += length;
	}
}

enum cs_status cs_terminal_open(bool mouse, struct cs_error *error)
{
	enum cs_status status = cs_terminal_check(error);

	if (status)
		return status;
	if (tcgetattr(0, &modes_before) != 0)
		return cs_fail_errno(error, "cannot read the terminal's modes", NULL);
	if (pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return cs_fail_errno(error, "cannot make a pipe", NULL);
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		close(pipe_ends[0]);
		close(pipe_ends[1]);
		return cs_fail(error, CS_ERR_UNSUPPORTED, "the terminal '%s' cannot be used for a full screen",
			getenv("TERM"));
	}
	set_term(screen);
	restore_length = 0;
	add_restore("sgr0");
	add_restore("cnorm");
	add_restore("rmkx");
	add_restore("rmcup");
	set_handlers();
	taken = 1;
	hold_stderr();
	input = newpad(1, 1);
	if (!input) {
		cs_terminal_close();
		return cs_fail_memory(error, "the screen");
	}
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	idlok(stdscr, FALSE); /* moving lines or characters about would not move the pictures */
	idcok(stdscr, FALSE);
	set_escdelay(25);
	keypad(input, TRUE);
	nodelay(input, TRUE);
	mouse_on = false;
	if (mouse)
		ask_for_mouse();
	if (has_colors()) {
		start_color();
		use_default_colors();
	}
	follow_mouse(true);
	return CS_OK;
}

void cs_terminal_close(void)
{
	if (!screen)
		return;
	if (input)
		delwin(input);
	input = NULL;
	follow_mouse(false);
	endwin();
	taken = 0;
	for (int i = 0; i < WATCHED; i++)
		sigaction(watched[i], &watched_before[i], NULL);
	for (int i = 0; i < FATAL; i++)
		sigaction(fatal[i], &fatal_before[i], NULL);
	print_held();
	delscreen(screen);
	screen = NULL;
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	pipe_ends[0] = pipe_ends[1] = -1;
}

static unsigned event_of(int number)
{
	switch (number) {
	case SIGWINCH:
		return CS_EVENT_RESIZE;
	case SIGTSTP:
		return CS_EVENT_SUSPEND;
	case SIGCONT:
		return CS_EVENT_CONTINUE;
	default:
		return CS_EVENT_QUIT;
	}
}

unsigned cs_terminal_wait(int milliseconds)
{
	struct pollfd from[2] = {{.fd = 0, .events = POLLIN}, {.fd = pipe_ends[0], .events = POLLIN}};
	unsigned events = 0;
	char numbers[32];
	ssize_t count;

	if (poll(from, 2, milliseconds) <= 0)
		return 0;
	if (from[0].revents & POLLIN)
		events |= CS_EVENT_INPUT;
	if (from[0].revents & (POLLHUP | POLLERR | POLLNVAL))
		events |= CS_EVENT_QUIT;
	while ((count = read(pipe_ends[0], numbers, sizeof numbers)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			events |= event_of(numbers[i]);
	}
	return events;
}

int cs_terminal_read(wint_t *key)
{
	return wget_wch(input, key);
}

void cs_terminal_suspend(void)
{
	struct sigaction stop = {.sa_handler = SIG_DFL}, ours;

	follow_mouse(false);
	endwin();
	sigaction(SIGTSTP, &stop, &ours);
	raise(SIGTSTP); /* returns when continued */
	sigaction(SIGTSTP, &ours, NULL);
}

/* This ncurses scrolls regions of the screen where it finds lines of the new screen elsewhere on the old one, also with idlok()
 * off; it takes the marked holes of pictures for blank lines then, and the pictures go astray. Line by line it cannot: what it looks
 * for are lines that occur once before and once after. */
void cs_terminal_refresh(bool line_by_line)
{
	int rows = getmaxy(stdscr);

	if (!line_by_line || is_cleared(curscr)) {
		refresh();
		return;
	}
	for (int row = 0; row < rows; row++) {
		untouchwin(stdscr);
		touchline(stdscr, row, 1);
		wnoutrefresh(stdscr);
		doupdate();
	}
}

void cs_terminal_repaint(void)
{
	endwin();
	reset_prog_mode(); /* now, not with the next drawing: answers and keys until then would be echoed */
	cs_terminal_resize();
	clearok(curscr, TRUE);
	follow_mouse(true);
}

void cs_terminal_resize(void)
{
	struct winsize size;

	if (ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
}

bool cs_terminal_write(const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t count = write(1, bytes, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN) {
			struct pollfd out = {.fd = 1, .events = POLLOUT};

			if (poll(&out, 1, 5000) <= 0)
				return false;
			continue;
		}
		if (count <= 0)
			return false;
		bytes += count;
		size -= (size_t)count;
	}
	return true;
}
