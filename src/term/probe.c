/* probe.c: asking the terminal what it is. See probe.h.
 *
 * The order of belief: an explicit wish; a multiplexer (symbols: tmux wipes pictures without a word); a 4 among the device
 * attributes; then the size of a cell, as said, or from the picture area, or from the window's pixels. xterm's window
 * pixels include a border of 2, which the division rounds away; its picture area is capped and then says nothing.
 */
#include "term/probe.h"

#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { DEFAULT_LIMIT = 1000, UNKNOWN_CELL_WIDTH = 10, UNKNOWN_CELL_HEIGHT = 20 };

static const char *const wishes[] = {"auto", "sixel", "symbols", "ascii"};

enum cs_status cs_probe_wish(const char *graphics, enum cs_wish *wish, struct cs_error *error)
{
	const char *from = graphics ? "--graphics" : "CONVSCOPE_GRAPHICS";

	if (!graphics)
		graphics = getenv("CONVSCOPE_GRAPHICS");
	if (!graphics || !*graphics)
		graphics = "auto";
	for (int i = CS_WISH_AUTO; i <= CS_WISH_ASCII; i++) {
		if (strcmp(graphics, wishes[i]) == 0) {
			*wish = (enum cs_wish)i;
			return CS_OK;
		}
	}
	return cs_fail(error, CS_ERR_ARGUMENT, "%s '%s': expected auto, sixel, symbols or ascii", from, graphics);
}

static bool begins(const char *text, const char *with)
{
	return text && strncmp(text, with, strlen(with)) == 0;
}

void cs_probe_look(struct cs_probe *probe, int fd)
{
	const char *term = getenv("TERM"), *tmux = getenv("TMUX"), *background = getenv("COLORFGBG");
	struct winsize size;

	probe->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	probe->multiplexer = (tmux && *tmux) || begins(term, "tmux") || begins(term, "screen");
	if (probe->wish == CS_WISH_SIXEL && tmux && *tmux)
		probe->passthrough = true; /* plain sixel would be swallowed */
	if (!tmux || !*tmux)
		probe->passthrough = false;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
		probe->rows = size.ws_row;
		probe->columns = size.ws_col;
		probe->window_width = size.ws_xpixel;
		probe->window_height = size.ws_ypixel;
	}
	if (probe->background == 0 && background && strrchr(background, ';')) {
		int colour = atoi(strrchr(background, ';') + 1);

		probe->background = colour == 7 || colour == 15 ? 2 : 1;
	}
}

const char *cs_probe_questions(struct cs_probe *probe)
{
	const char *term = getenv("TERM");

	probe->asked = probe->answered = probe->sixel = false;
	probe->area_answers = probe->area_width = probe->area_height = 0;
	probe->said_cell_width = probe->said_cell_height = 0;
	if (!term || begins(term, "linux") || begins(term, "vt52"))
		return "";
	if (probe->multiplexer && probe->wish != CS_WISH_SIXEL && !probe->passthrough)
		return "";
	probe->asked = true;
	if (probe->passthrough) /* to the terminal behind tmux: escapes inside are doubled */
		return "\033Ptmux;\033\033[16t\033\033[?2;1;0S\033\033[?2;4;0S\033\033[c\033\\";
	if (begins(term, "vt"))
		return "\033[c"; /* a DEC terminal: the rest is xterm's */
	return "\033[16t\033[?2;1;0S\033[?2;4;0S\033]11;?\033\\\033[c";
}

/* "11;rgb:RRRR/GGGG/BBBB": light or dark by Rec. 601 luma. */
static void read_background(struct cs_probe *probe, const char *text)
{
	unsigned c[3];
	int digits = 0;
	double luma;

	if (sscanf(text, "11;rgb:%4x/%4x/%4x", &c[0], &c[1], &c[2]) != 3)
		return;
	for (const char *at = strchr(text, ':') + 1; *at && *at != '/'; at++)
		digits++;
	luma = (0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]) / ((1 << (4 * digits)) - 1);
	probe->background = luma < 0.5 ? 1 : 2;
}

bool cs_probe_answer(struct cs_probe *probe, const struct cs_reply *reply)
{
	switch (reply->kind) {
	case 'c':
		if (!reply->question)
			return false;
		probe->answered = true;
		snprintf(probe->attributes, sizeof probe->attributes, "%s", reply->text);
		for (int i = 1; i < reply->count; i++)
			probe->sixel |= reply->params[i] == 4;
		return true;
	case 't':
		if (reply->count >= 3 && reply->params[0] == 6) {
			probe->said_cell_height = reply->params[1];
			probe->said_cell_width = reply->params[2];
		}
		return false;
	case 'S': /* ? item ; status ; width ; height: the current area first, then the limit, as they were asked */
		if (!reply->question || reply->count < 2 || reply->params[0] != 2)
			return false;
		if (reply->params[1] == 0 && reply->count >= 4) {
			int *width = probe->area_answers ? &probe->limit_width : &probe->area_width;
			int *height = probe->area_answers ? &probe->limit_height : &probe->area_height;

			*width = reply->params[2];
			*height = reply->params[3];
		}
		probe->area_answers++;
		return false;
	case ']':
		read_background(probe, reply->text);
		return false;
	default:
		return false;
	}
}

static bool sane_cell(int width, int height)
{
	return width >= 3 && width <= 100 && height >= 6 && height <= 200;
}

static void find_cell(struct cs_probe *probe)
{
	int width = probe->said_cell_width, height = probe->said_cell_height;
	bool capped = probe->passthrough || (probe->limit_width > 0 &&
		(probe->area_width >= probe->limit_width || probe->area_height >= probe->limit_height));

	probe->cell_known = true;
	if (!sane_cell(width, height) && probe->columns > 0 && probe->rows > 0 && !capped) {
		width = probe->area_width / probe->columns;
		height = probe->area_height / probe->rows;
	}
	if (!sane_cell(width, height) && probe->columns > 0 && probe->rows > 0) {
		width = probe->window_width / probe->columns;
		height = probe->window_height / probe->rows;
	}
	if (!sane_cell(width, height)) {
		probe->cell_known = false;
		width = UNKNOWN_CELL_WIDTH;
		height = UNKNOWN_CELL_HEIGHT;
	}
	probe->cell_width = width;
	probe->cell_height = height;
	probe->most_width = probe->limit_width > 0 ? probe->limit_width : DEFAULT_LIMIT;
	probe->most_height = probe->limit_height > 0 ? probe->limit_height : DEFAULT_LIMIT;
}

static void choose(struct cs_probe *probe, enum cs_protocol protocol, const char *why)
{
	probe->protocol = protocol;
	snprintf(probe->why, sizeof probe->why, "%s", why);
}

void cs_probe_conclude(struct cs_probe *probe)
{
	enum cs_protocol plain = probe->utf8 ? CS_PROTOCOL_SYMBOLS : CS_PROTOCOL_ASCII;

	find_cell(probe);
	if (probe->wish == CS_WISH_ASCII)
		choose(probe, CS_PROTOCOL_ASCII, "asked for");
	else if (probe->wish == CS_WISH_SYMBOLS)
		choose(probe, plain, probe->utf8 ? "asked for" : "symbols were asked for, but the locale has no UTF-8");
	else if (probe->wish == CS_WISH_SIXEL)
		choose(probe, CS_PROTOCOL_SIXEL, "asked for");
	else if (probe->multiplexer && !probe->passthrough)
		choose(probe, plain,
			"tmux or screen stand between, which wipe pictures; CONVSCOPE_GRAPHICS=sixel insists");
	else if (!probe->answered)
		choose(probe, plain, "the terminal has not said what it is");
	else if (!probe->sixel)
		choose(probe, plain, "its device attributes have no 4 (sixel)");
	else if (!probe->cell_known)
		choose(probe, plain, "it has sixel, but does not say how large a character is");
	else
		choose(probe, CS_PROTOCOL_SIXEL, "its device attributes have a 4 (sixel)");
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A sequence that is no answer is a key, and kept as it would come from a terminal in its normal mode: "ESC [ A". */
static bool is_key_sequence(const struct cs_reply *reply)
{
	return strchr("ABCDHF", reply->kind) ? !reply->text[0] : reply->kind == '~';
}

static void keep_typed(char *typed, size_t size, const char *text, size_t length)
{
	size_t kept = size ? strlen(typed) : 0;

	if (kept + length < size) {
		memcpy(typed + kept, text, length);
		typed[kept + length] = '\0';
	}
}

/* What a byte means: true when the fence has come. */
static bool take_byte(struct cs_probe *probe, struct cs_replies *replies, unsigned char byte, char *typed, size_t size)
{
	struct cs_reply reply;
	char text[CS_REPLY_BYTES + 4];
	int length;

	switch (cs_replies_feed(replies, byte, &reply)) {
	case CS_REPLY_IS_DONE:
		if (cs_probe_answer(probe, &reply))
			return true;
		length = snprintf(text, sizeof text, "\033[%s%c", reply.text, reply.kind);
		if (is_key_sequence(&reply))
			keep_typed(typed, size, text, (size_t)length);
		break;
	case CS_REPLY_IS_KEY:
		keep_typed(typed, size, (char[]){(char)byte}, 1);
		break;
	case CS_REPLY_WAS_ESC: /* or a key of the application mode, "ESC O A" */
		keep_typed(typed, size, byte == 'O' ? "\033[" : (char[]){'\033', (char)byte}, 2);
		break;
	case CS_REPLY_WAS_ONE:
		keep_typed(typed, size, "\033", 1);
		break;
	case CS_REPLY_IS_MORE:
		break;
	}
	return false;
}

bool cs_probe_ask(
	struct cs_probe *probe, int milliseconds, struct cs_replies *replies, char *typed, size_t size)
{
	const char *questions = cs_probe_questions(probe);
	struct termios before, raw;
	int64_t end = now_ms() + milliseconds;
	bool fence = false;

	if (size)
		typed[0] = '\0';
	if (!*questions || tcgetattr(0, &before) != 0)
		return false;
	raw = before;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(0, TCSANOW, &raw);
	if (write(1, questions, strlen(questions)) < 0)
		goto out;
	while (!fence) {
		struct pollfd input = {.fd = 0, .events = POLLIN};
		int64_t left = end - now_ms();
		unsigned char byte;

		if (left <= 0 || poll(&input, 1, (int)left) <= 0 || read(0, &byte, 1) != 1)
			break;
		fence = take_byte(probe, replies, byte, typed, size);
	}
out:
	tcsetattr(0, TCSANOW, &before);
	return fence;
}

const char *cs_protocol_name(enum cs_protocol protocol)
{
	static const char *const names[] = {
		[CS_PROTOCOL_SYMBOLS] = "symbols", [CS_PROTOCOL_ASCII] = "ascii", [CS_PROTOCOL_SIXEL] = "sixel"};

	return names[protocol];
}
