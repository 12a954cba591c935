/* harness.h: a terminal for tests: the browser runs in a child behind a pseudo-terminal, libvterm keeps the text, and
 * pictures are cut out of the stream before libvterm sees it and decoded by libsixel.
 *
 * The harness answers what a terminal is asked (attributes, sizes, colours), as a sixel terminal or as one without, at once or
 * held back until the test lets the answers go. It knows which cells of a picture were written over later: a picture is whole as
 * long as nothing was.
 *
 * The child's standard error is a file of the harness's own, printed when the child ends badly: a sanitizer's report ends a program
 * without a word on its terminal.
 *
 * Everything is static: each test program includes this file once.
 */
#ifndef CS_TESTS_TUI_HARNESS_H
#define CS_TESTS_TUI_HARNESS_H

#include "core/alloc.h"
#include "io/picture.h"
#include "term/screen.h"
#include "ui/browse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sixel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

enum { HARNESS_PICTURES = 256, HARNESS_BYTES = 4 << 20, HARNESS_WAY = 4096, HARNESS_BUFFERED = 256 << 10 };

/* One picture as the terminal shows it. */
struct shown {
	int row, column, width, height;
	uint8_t *rgb;
	bool damaged; /* something was written over it since */
	uint8_t *kept; /* [rows,columns] 1: this cell still shows it */
	int rows, columns;
};

/* What kind of terminal to be. Zero is a UTF-8 xterm-256color of 80x24 without sixel. */
struct terminal_kind {
	bool sixel, silent_size, no_utf8, hold_answers;
	bool stderr_too; /* standard error is the terminal as well, as in life */
	double bits_per_second, latency; /* of the way to it and back, s; 0: at once */
	const char *term; /* NULL: xterm-256color */
	int rows, columns;
};

struct harness {
	struct terminal_kind kind;
	int master;
	pid_t child;
	VTerm *vt;
	VTermScreen *screen;
	int rows, columns, cell_width, cell_height;
	/* the stream, before libvterm: */
	char *string; /* the escape sequence at hand */
	size_t length;
	int state; /* 0 text, 1 after ESC, 2 CSI, 3 DCS or OSC, 4 ESC inside of it */
	char answers[1 << 16];
	size_t answers_length;
	struct shown pictures[HARNESS_PICTURES];
	int picture_count;
	long pictures_seen, bytes_seen;
	/* a slow way: what the child wrote and the terminal has not got yet */
	struct {
		double due;
		size_t length;
		char *bytes;
	} way[HARNESS_WAY];
	int way_first, way_count;
	size_t way_bytes;
	double way_free, answers_due; /* when the line is free again; when the answers have come back */
	FILE *said; /* what the child wrote to standard error; NULL: that is the terminal */
	bool alternate; /* the alternate screen is on: the program has taken the terminal */
	char title[80]; /* of the window, as it was last told */
	bool ended;
};

static inline double harness_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static inline int harness_damage(VTermRect rect, void *user)
{
	struct harness *h = user;

	for (int i = 0; i < h->picture_count; i++) {
		struct shown *p = &h->pictures[i];

		for (int row = rect.start_row; row < rect.end_row; row++) {
			for (int column = rect.start_col; column < rect.end_col; column++) {
				if (row < p->row || row >= p->row + p->rows || column < p->column ||
					column >= p->column + p->columns)
					continue;
				p->damaged = true;
				p->kept[(row - p->row) * p->columns + column - p->column] = 0;
			}
		}
	}
	return 1;
}

/* Lines were moved about: no terminal takes pictures along reliably. */
static inline int harness_moved(VTermRect to, VTermRect from, void *user)
{
	harness_damage(from, user);
	return harness_damage(to, user);
}

static inline int harness_property(VTermProp property, VTermValue *value, void *user)
{
	struct harness *h = user;

	if (property == VTERM_PROP_ALTSCREEN)
		h->alternate = value->boolean;
	return 1;
}

static inline void harness_answer(struct harness *h, const char *text)
{
	size_t length = strlen(text);

	if (h->answers_length + length < sizeof h->answers) {
		memcpy(h->answers + h->answers_length, text, length);
		h->answers_length += length;
	}
}

static inline void harness_let_go(struct harness *h)
{
	if (h->answers_length && write(h->master, h->answers, h->answers_length) < 0)
		h->ended = true;
	h->answers_length = 0;
}

static inline void harness_take_picture(struct harness *h)
{
	unsigned char *pixels = NULL, *palette = NULL;
	int width, height, colours;
	struct shown *p = NULL;
	VTermPos at;

	vterm_state_get_cursorpos(vterm_obtain_state(h->vt), &at);
	h->pictures_seen++;
	if (SIXEL_FAILED(sixel_decode_raw(
		    (unsigned char *)h->string, (int)h->length, &pixels, &width, &height, &palette, &colours, NULL)))
		return;
	for (int i = 0; i < h->picture_count && !p; i++) { /* what is covered whole is gone */
		if (h->pictures[i].row == at.row && h->pictures[i].column == at.col)
			p = &h->pictures[i];
	}
	if (!p && h->picture_count < HARNESS_PICTURES)
		*(p = &h->pictures[h->picture_count++]) = (struct shown){0};
	if (p) {
		free(p->rgb);
		free(p->kept);
		*p = (struct shown){.row = at.row, .column = at.col, .width = width, .height = height};
		p->rows = (height + h->cell_height - 1) / h->cell_height;
		p->columns = (width + h->cell_width - 1) / h->cell_width;
		p->kept = malloc((size_t)p->rows * (size_t)p->columns);
		memset(p->kept, 1, (size_t)p->rows * (size_t)p->columns);
		p->rgb = malloc((size_t)width * (size_t)height * 3);
		for (int i = 0; i < width * height; i++)
			memcpy(p->rgb + 3 * i, palette + 3 * pixels[i], 3);
	}
	for (int row = 1; row < (height + h->cell_height - 1) / h->cell_height; row++)
		vterm_input_write(
			h->vt, "\n", 1); /* the cursor ends in the picture's last row, and scrolls if it must */
	free(pixels);
	free(palette);
}

/* A whole CSI sequence: a question is answered, anything else goes on to libvterm. */
static inline void harness_take_csi(struct harness *h)
{
	char text[96];

	h->string[h->length] = '\0';
	if (strcmp(h->string, "\033[c") == 0) {
		harness_answer(h, h->kind.sixel ? "\033[?62;4;22c" : "\033[?62;22c");
	} else if (strcmp(h->string, "\033[>c") == 0) {
		harness_answer(h, "\033[>41;379;0c"); /* as xterm */
	} else if (strcmp(h->string, "\033[>q") == 0) {
		harness_answer(h, "\033P>|XTerm(379)\033\\");
	} else if (strcmp(h->string, "\033[16t") == 0) {
		snprintf(text, sizeof text, "\033[6;%d;%dt", h->cell_height, h->cell_width);
		harness_answer(h, h->kind.silent_size ? "" : text);
	} else if (strcmp(h->string, "\033[?2;1;0S") == 0) {
		snprintf(text, sizeof text, "\033[?2;0;%d;%dS", h->columns * h->cell_width, h->rows * h->cell_height);
		harness_answer(h, h->kind.silent_size ? "" : text);
	} else if (strcmp(h->string, "\033[?2;4;0S") == 0) {
		harness_answer(h, h->kind.silent_size ? "" : "\033[?2;0;1000;1000S");
	} else {
		vterm_input_write(h->vt, h->string, h->length);
	}
}

static inline void harness_take_string(struct harness *h)
{
	h->string[h->length] = '\0';
	if (h->string[1] == 'P')
		harness_take_picture(h);
	else if (strncmp(h->string, "\033]11;?", 6) == 0)
		harness_answer(h, "\033]11;rgb:1010/1010/1010\033\\");
	else if (strncmp(h->string, "\033]0;", 4) == 0 || strncmp(h->string, "\033]2;", 4) == 0)
		snprintf(h->title, sizeof h->title, "%.70s", h->string + 4);
	else
		vterm_input_write(h->vt, h->string, h->length);
}

static inline void harness_feed(struct harness *h, char byte)
{
	if (h->length + 2 >= HARNESS_BYTES)
		h->length = 0, h->state = 0;
	if (h->state == 0 && byte != '\033') {
		vterm_input_write(h->vt, &byte, 1);
		return;
	}
	if (h->state == 0)
		h->length = 0;
	h->string[h->length++] = byte;
	switch (h->state) {
	case 0:
		h->state = 1;
		break;
	case 1:
		h->state = byte == '[' ? 2 : byte == 'P' || byte == ']' ? 3 : 0;
		if (h->state == 0)
			h->state = byte == '(' || byte == ')' ? 5 : 0;
		if (h->state == 0)
			vterm_input_write(h->vt, h->string, h->length);
		break;
	case 2:
		if (byte >= 0x40 && byte <= 0x7e) {
			h->state = 0;
			harness_take_csi(h);
		}
		break;
	case 3:
		h->state = byte == '\033' ? 4 : byte == '\a' ? 0 : 3;
		if (h->state == 0)
			harness_take_string(h);
		break;
	case 4:
		h->state = 0;
		harness_take_string(h);
		break;
	case 5: /* ESC ( B: a character set */
		h->state = 0;
		vterm_input_write(h->vt, h->string, h->length);
		break;
	}
}

/* The terminal at the end of a slow way: take what the child writes into the line, as much as sockets on the way hold, and feed what has arrived.
 * True when anything did. */
static inline bool harness_pump_slowly(struct harness *h)
{
	static char bytes[1 << 14];
	struct pollfd from = {.fd = h->master, .events = POLLIN};
	double now = harness_now();
	bool any = false;

	if (h->way_bytes < HARNESS_BUFFERED && h->way_count < HARNESS_WAY && poll(&from, 1, 1) > 0) {
		ssize_t count = read(h->master, bytes, sizeof bytes);
		int at = (h->way_first + h->way_count) % HARNESS_WAY;

		if (count <= 0) {
			h->ended = true;
			return false;
		}
		h->way_free = (h->way_free > now ? h->way_free : now) + 8 * (double)count / h->kind.bits_per_second;
		h->way[at].due = h->way_free + h->kind.latency / 2;
		h->way[at].length = (size_t)count;
		h->way[at].bytes = malloc((size_t)count);
		memcpy(h->way[at].bytes, bytes, (size_t)count);
		h->way_count++;
		h->way_bytes += (size_t)count;
	}
	while (h->way_count > 0 && h->way[h->way_first].due <= harness_now()) {
		size_t before = h->answers_length;

		for (size_t i = 0; i < h->way[h->way_first].length; i++)
			harness_feed(h, h->way[h->way_first].bytes[i]);
		h->bytes_seen += (long)h->way[h->way_first].length;
		h->way_bytes -= h->way[h->way_first].length;
		free(h->way[h->way_first].bytes);
		h->way_first = (h->way_first + 1) % HARNESS_WAY;
		h->way_count--;
		if (before == 0 && h->answers_length > 0)
			h->answers_due = harness_now() + h->kind.latency / 2;
		any = true;
	}
	vterm_screen_flush_damage(h->screen);
	if (h->answers_length > 0 && harness_now() >= h->answers_due)
		harness_let_go(h);
	return any;
}

/* Read what comes within `ms`, and on for as long as more comes within it; returns false when the child has ended. */
static inline bool harness_pump(struct harness *h, int ms)
{
	static char bytes[1 << 16];

	if (h->kind.bits_per_second > 0) {
		for (double end = harness_now() + 0.001 * ms; !h->ended && harness_now() <= end;) {
			if (harness_pump_slowly(h))
				end = harness_now() + 0.001 * ms;
			else if (h->way_bytes >= HARNESS_BUFFERED)
				usleep(1000);
		}
		return !h->ended;
	}
	while (!h->ended) {
		struct pollfd from = {.fd = h->master, .events = POLLIN};
		ssize_t count;

		if (poll(&from, 1, ms) <= 0)
			break;
		count = read(h->master, bytes, sizeof bytes);
		if (count <= 0) {
			h->ended = true;
			break;
		}
		h->bytes_seen += count;
		for (ssize_t i = 0; i < count; i++)
			harness_feed(h, bytes[i]);
		vterm_screen_flush_damage(h->screen);
		if (!h->kind.hold_answers)
			harness_let_go(h);
	}
	return !h->ended;
}

/* One row of the screen as UTF-8, without blanks at its end. */
static inline const char *harness_row(struct harness *h, int row)
{
	static char text[8][2048];
	static int next;
	char *line = text[next = (next + 1) % 8];
	size_t used = 0;

	for (int column = 0; column < h->columns; column++) {
		VTermScreenCell cell;

		vterm_screen_get_cell(h->screen, (VTermPos){row, column}, &cell);
		if (cell.chars[0] == (uint32_t)-1)
			continue;
		cs_utf8_put(line, sizeof text[0], &used, cell.chars[0] ? cell.chars[0] : ' ');
	}
	while (used > 0 && line[used - 1] == ' ')
		used--;
	line[used] = '\0';
	return line;
}

static inline bool harness_has(struct harness *h, const char *text)
{
	for (int row = 0; row < h->rows; row++) {
		if (strstr(harness_row(h, row), text))
			return true;
	}
	return false;
}

static inline void harness_print(struct harness *h)
{
	for (int row = 0; row < h->rows; row++)
		fprintf(stderr, "|%s\n", harness_row(h, row));
}

/* Everything that may tell why the child ended as it did. */
static inline void harness_explain(struct harness *h)
{
	char line[512];

	fprintf(stderr, "on its screen:\n");
	harness_print(h);
	if (!h->said)
		return;
	fprintf(stderr, "on its standard error:\n");
	rewind(h->said);
	while (fgets(line, sizeof line, h->said))
		fputs(line, stderr);
}

/* Wait until a text stands on the screen; prints the screen and returns false when it does not come. */
static inline bool harness_wait(struct harness *h, const char *text, double seconds)
{
	double end = harness_now() + seconds;

	while (!harness_has(h, text)) {
		if (harness_now() > end || !harness_pump(h, 20)) {
			if (h->ended && harness_has(h, text))
				return true;
			fprintf(stderr, "'%s' did not come up within %.0f s%s\n", text, seconds,
				h->ended ? ", the program has ended" : "");
			harness_explain(h);
			return false;
		}
	}
	return true;
}

/* Wait until nothing more comes and nothing runs in the background. */
static inline void harness_settle(struct harness *h)
{
	double end = harness_now() + 20;

	while (harness_pump(h, 150) && harness_now() < end) {
		const char *status = harness_row(h, h->rows - 1);

		if (!strstr(status, "looking for") && !strstr(status, "projecting") && !strstr(status, "opening"))
			break;
	}
}

static inline void harness_keys(struct harness *h, const char *keys)
{
	if (write(h->master, keys, strlen(keys)) < 0)
		h->ended = true;
}

static inline void harness_resize(struct harness *h, int rows, int columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows,
		.ws_col = (unsigned short)columns,
		.ws_xpixel = (unsigned short)(columns * h->cell_width),
		.ws_ypixel = (unsigned short)(rows * h->cell_height)};

	h->rows = rows;
	h->columns = columns;
	vterm_set_size(h->vt, rows, columns);
	for (int i = 0; i < h->picture_count; i++) {
		free(h->pictures[i].rgb);
		free(h->pictures[i].kept);
	}
	h->picture_count = 0;
	ioctl(h->master, TIOCSWINSZ, &size);
}

/* Pictures that are whole. */
static inline int harness_whole(const struct harness *h)
{
	int count = 0;

	for (int i = 0; i < h->picture_count; i++)
		count += !h->pictures[i].damaged;
	return count;
}

/* Cells that still show a part of a picture which is no longer whole: remnants. */
static inline int harness_remnants(const struct harness *h)
{
	int count = 0;

	for (int i = 0; i < h->picture_count; i++) {
		for (int k = 0; h->pictures[i].damaged && k < h->pictures[i].rows * h->pictures[i].columns; k++)
			count += h->pictures[i].kept[k];
	}
	return count;
}

/* Mean difference of two pictures of one size, 0 .. 255. */
static inline double harness_difference(const struct shown *shown, const struct cs_picture *expected)
{
	double sum = 0;
	int count = shown->width * shown->height * 3;

	if (shown->width != expected->width || shown->height != expected->height)
		return 255;
	for (int i = 0; i < count; i++)
		sum += abs(shown->rgb[i] - expected->rgb[i]);
	return sum / count;
}

/* The child's side: everything but what the test is about stays outside. */
static inline void harness_environment(const struct terminal_kind *kind)
{
	setenv("TERM", kind->term ? kind->term : "xterm-256color", 1);
	setenv("LC_ALL", kind->no_utf8 ? "C" : "C.UTF-8", 1);
	unsetenv("TMUX");
	unsetenv("CONVSCOPE_GRAPHICS");
	unsetenv("COLORFGBG");
	unsetenv("NO_COLOR");
	unsetenv("COLORTERM");
	setenv("XDG_CONFIG_HOME", "/nonexistent", 0);
}

/* Start `run` in a child behind a terminal of this kind. Its result is the child's exit code. */
static inline void harness_start(struct harness *h, struct terminal_kind kind, int (*run)(void *context), void *context)
{
	static const VTermScreenCallbacks callbacks = {
		.damage = harness_damage, .moverect = harness_moved, .settermprop = harness_property};
	struct winsize size;

	*h = (struct harness){.kind = kind, .cell_width = 8, .cell_height = 16};
	h->rows = kind.rows ? kind.rows : 24;
	h->columns = kind.columns ? kind.columns : 80;
	size = (struct winsize){.ws_row = (unsigned short)h->rows,
		.ws_col = (unsigned short)h->columns,
		.ws_xpixel = (unsigned short)(h->columns * h->cell_width),
		.ws_ypixel = (unsigned short)(h->rows * h->cell_height)};
	h->string = malloc(HARNESS_BYTES);
	h->vt = vterm_new(h->rows, h->columns);
	vterm_set_utf8(h->vt, !kind.no_utf8);
	h->screen = vterm_obtain_screen(h->vt);
	vterm_screen_set_callbacks(h->screen, &callbacks, h);
	vterm_screen_enable_altscreen(h->screen, 1);
	vterm_screen_reset(h->screen, 1);
	h->said = kind.stderr_too ? NULL : tmpfile();
	fflush(NULL);
	h->child = forkpty(&h->master, NULL, NULL, &size);
	if (h->child == 0) {
		for (int i = 1; i < NSIG; i++)
			signal(i, SIG_DFL); /* cmocka's handlers would go on with its tests in the child */
		harness_environment(&kind);
		if (h->said)
			dup2(fileno(h->said), 2);
		exit(run(context));
	}
}

/* Wait for the child to end by itself; its exit code, 128 + signal, or -1 when it has not ended after `seconds`. Anything but 0 is
 * explained. */
static inline int harness_end(struct harness *h, double seconds)
{
	double end = harness_now() + seconds;
	pid_t gone = 0;
	int status = 0;

	while ((gone = waitpid(h->child, &status, WNOHANG)) == 0 && harness_now() < end) {
		if (!harness_pump(h, 20))
			usleep(10000);
	}
	if (gone == 0) {
		fprintf(stderr, "the program has not ended within %.0f s\n", seconds);
		harness_explain(h);
		return -1;
	}
	h->child = 0;
	while (harness_pump(h, 50))
		;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (status) {
		fprintf(stderr, "the program ended with %d\n", status);
		harness_explain(h);
	}
	return status;
}

static inline void harness_close(struct harness *h)
{
	if (h->child > 0) {
		kill(h->child, SIGKILL);
		waitpid(h->child, NULL, 0);
	}
	close(h->master);
	if (h->said)
		fclose(h->said);
	for (; h->way_count > 0; h->way_count--) {
		free(h->way[h->way_first].bytes);
		h->way_first = (h->way_first + 1) % HARNESS_WAY;
	}
	for (int i = 0; i < h->picture_count; i++) {
		free(h->pictures[i].rgb);
		free(h->pictures[i].kept);
	}
	vterm_free(h->vt);
	free(h->string);
}

#endif
