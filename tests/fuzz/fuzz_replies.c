/* fuzz_replies.c: what a terminal sends. The first byte says after how many others the wire falls silent. */
#include "fuzz.h"

#include "term/replies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_replies replies = {0};
	size_t silence = size && data[0] ? data[0] : 1000;

	for (size_t i = 1; i < size; i++) {
		struct cs_reply reply;

		memset(&reply, 0xa5, sizeof reply);
		if (cs_replies_feed(&replies, data[i], &reply) == CS_REPLY_IS_DONE &&
			(reply.count < 0 || reply.count > CS_REPLY_PARAMS || !memchr(reply.text, 0, sizeof reply.text)))
			abort();
		if (i % silence == 0)
			cs_replies_silence(&replies, data[i] & 1);
	}
	cs_replies_silence(&replies, true);
	if (cs_replies_waiting(&replies))
		abort();
	return 0;
}
