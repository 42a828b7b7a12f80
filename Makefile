# Everything a newcomer needs: `make run`, `make demo` and `make test` on a machine with python3, pip and make.
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
# Like pip, trust what this machine trusts: behind a company's proxy uv's own list of roots is not enough. (Two names: old and new.)
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1
# Where Python may not keep what it compiled, each process of a test compiles everything again: three seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test facts lint style types bench fuzz weather clients words pictures examples

# Your own shop, in this folder; it prints the link with which it begins.
run: $(UV)
	$(UV) run counterpass serve

demo: $(UV)
	$(UV) run counterpass demo

# Each worker has servers, databases and a browser of its own, and waits for them half of its time: one more than there are
# cores. More than four would only wait for each other.
test: style
	$(MAKE) --no-print-directory -j 2 types facts

# In a new clone one process compiles everything, beside mypy: of those that begin together each would, for twelve seconds.
facts: $(UV)
	[ -d tests/__pycache__ ] || $(UV) run pytest -q --collect-only >/dev/null || true
	$(UV) run pytest -q -n $$(($(shell getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 --dist worksteal

lint: style types

style: $(UV)
	$(UV) run ruff format --check .
	$(UV) run ruff check .

types: $(UV)
	$(UV) run mypy

bench: $(UV)
	for script in sign redeem api push history imports exports insight redesign; do $(UV) run python bench/$$script.py || exit 1; done

# Ten thousand requests that nobody thought of, against every call of the API.
fuzz: $(UV)
	$(UV) run python bench/fuzz.py

# The tests in browsers, on days on which the network is slow: what was seldom red is red on one of them.
weather: $(UV)
	for day in requests scripts answers; do COUNTERPASS_WEATHER=$$day $(UV) run pytest -q -n 3 --dist worksteal tests/browser || exit 1; done

# What two generators of clients make of the document, and their clients of a shop. Needs npm and a network.
clients: $(UV)
	$(UV) run python bench/clients.py

# Make every call of the API once (tests/web/afternoon.py): the examples of its document.
examples: $(UV)
	PYTHONPATH=.:tests:tests/web $(UV) run python tests/web/test_openapi.py

# Every page and every answer of the counter, for docs/ and the README. Needs Chromium.
pictures: $(UV)
	$(UV) run python docs/pictures/make.py

# Put new sentences at the end of the catalogue, to be translated there (templates/locale/vi.po); says which nobody says any more.
words: $(UV)
	PYTHONPATH=.:tests $(UV) run python tests/rules/test_catalogue.py

# A private copy of uv, for machines that have none: Debian refuses `pip install uv` into the system, --target it allows.
.uv/bin/uv:
	python3 -m pip install -q --target .uv uv
