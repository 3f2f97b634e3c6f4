# The front door. Everything it does is a program in tools/ that also runs by itself.

.DEFAULT_GOAL := build
.PHONY: help build run quick test deep bench check format clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

build: ## the program: build/lamplighter
	@tools/setup build
	@tools/build release
	@ln -sfn release/src/lamplighter build/lamplighter

run: build ## build, get a small local model, serve: make run ARGS="..."
	@tools/setup run
	@exec tools/run $(ARGS)

quick: ## unit tests and fast checks, for every edit
	@tools/setup build test
	@tools/run-tests quick

test: ## everything that must hold before a commit lands
	@tools/setup build test run
	@tools/run-tests test

deep: ## over an hour: all samples, TSan, valgrind, analyzers, long fuzzing
	@tools/setup build test run deep
	@tools/run-tests deep

bench: build ## measure, side by side with other proxies; what a bad target costs
	@tools/setup bench
	@bench/run $(ARGS)
	@exec bench/times

check: ## format, layers, headers, symbols, text, size, spelling, generated, keys, promises
	@tools/setup build test
	@tools/build release
	@status=0; for c in format layers headers symbols text size spelling generated keys; do \
		tools/check-$$c || status=1; done; \
	tools/promises --check || status=1; exit $$status

format: ## let clang-format have its way; renew docs/promises.md
	@tools/setup test
	@tools/check-format --fix
	@tools/promises

clean: ## remove build/
	@rm -rf build
