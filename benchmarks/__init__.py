"""What the packages cost beside what users pick instead. ``make bench`` runs it; it is no part of ``make test``.

``server`` and ``answers`` serve; ``langchain_models`` and ``llama_index_models`` are what is measured; ``worker``
runs one of them, and ``measure`` takes turns between workers, in the environments that ``environments`` knows.
``rows`` says what is compared and how much it may be; ``report`` and ``chart`` show it.
"""
