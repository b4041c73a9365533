"""What masking 50 MB costs, whatever the secret is: seconds, and memory beside the text."""

from __future__ import annotations

import base64
import random
import time
import tracemalloc

from tests.benchmarks.measuring import print_table

from obs_core.secrets import forget_secret_values, mask, register_secret_value

SIZE = 50_000_000

SECRETS = {
    "a run: 0000": "0000",
    "letters and digits": "sk0live9AbCdEf7hIjKlMnOp42",
    "signs": 'p@ss w"rd&x',
    "a PEM key of 27 lines": "\n".join(
        [
            "-----BEGIN KEY-----",
            *(base64.b64encode(random.Random(line).randbytes(48)).decode() for line in range(25)),
            "-----END KEY-----",
        ]
    ),
}


def texts(secret: str) -> dict[str, str]:
    """Texts of 50 MB: of one digit, a page of a report, and one that holds the secret again and again."""
    row = '<tr><td>1.25</td><td style="width:12%">The quick brown fox, a3f</td></tr>\n'
    again = f"{'x' * 90}{secret}"
    return {"zeros": "0" * SIZE, "HTML": row * (SIZE // len(row)), "all over": again * (SIZE // len(again))}


def cost(text: str) -> tuple[float, float]:
    """Return seconds of the processor, and the most memory beside the text, in its size."""
    mask(text[:1000])
    begun = time.process_time()
    mask(text)
    seconds = time.process_time() - begun
    part = text[: SIZE // 100]  # tracing makes everything many times slower
    tracemalloc.start()
    mask(part)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / len(part)


def main() -> None:
    """Measure and print."""
    rows = []
    for name, secret in SECRETS.items():
        forget_secret_values()
        register_secret_value(secret)
        for kind, text in texts(secret).items():
            seconds, memory = cost(text)
            rows.append((name, kind, f"{seconds:.2f} s", f"{memory:.1f} times"))
    print_table("Masking 50 MB", ("secret", "text", "time", "memory"), rows)


if __name__ == "__main__":
    main()
