# study.mk: a training, its test and its analyses as make sees them: what is there and newer than the training is not done again.
# make -f scripts/examples/study.mk RUN=runs/demo PRESET=demo DATA=shapes [ANALYSES="noise colour"] [report]; interrupted, the same line goes on.
RUN ?= runs/demo
PRESET ?= demo
DATA ?= shapes
CONVSCOPE ?= convscope
ANALYSES ?= $(shell $(CONVSCOPE) analyze | sed -n 's/^  \([^ ]*\) .*/\1/p')

all: $(RUN)/test.json $(ANALYSES:%=$(RUN)/analyses/%.hdf5)
report: $(RUN).html

# best.hdf5 is there after the first epoch already; this file, when the training is over
$(RUN)/trained:
	if [ -f $(RUN)/config.json ]; then $(CONVSCOPE) train --resume -o $(RUN); else $(CONVSCOPE) train -m $(PRESET) -d $(DATA) -o $(RUN); fi
	grep -Eq '"end": *"(complete|patience)"' $(RUN)/summary.json
	touch $@

$(RUN)/test.json: $(RUN)/trained
	$(CONVSCOPE) eval $(RUN) -d $(DATA) --json >$@.part
	mv $@.part $@

$(RUN)/analyses/%.hdf5: $(RUN)/trained
	$(CONVSCOPE) analyze $* $(RUN) -d $(DATA) -o $(@D)

$(RUN).html: $(ANALYSES:%=$(RUN)/analyses/%.hdf5)
	$(CONVSCOPE) report $(RUN) -d $(DATA) -o $@ --results $(RUN)/analyses --force

.PHONY: all report
