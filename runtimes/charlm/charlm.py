"""A language model over characters: n-grams with interpolated Witten-Bell smoothing. Standard library only.

For a context h of at most order - 1 characters that was followed N(h) times by T(h) different characters:

    P(c | h) = (count(h, c) + T(h) * P(c | h without its first character)) / (N(h) + T(h))

and the chain ends in the uniform distribution over the alphabet and one symbol for every unknown character, so each
distribution sums to one and no character has probability zero.

Sources: I. H. Witten, T. C. Bell, "The zero-frequency problem: estimating the probabilities of novel events in
adaptive text compression", IEEE Transactions on Information Theory 37(4), 1991 (method C); the interpolated form as
in S. F. Chen, J. Goodman, "An empirical study of smoothing techniques for language modeling", TR-10-98, Harvard
University, 1998, section 2.4.
"""

import gzip
import json
import math
import os
import random
import unicodedata
import zlib
from collections import Counter

FORMAT = "charlm"
VERSION = 1
MAX_ORDER = 12
# A model file unpacks to a few times its size; beyond this it is damaged or made to fill the memory.
MAX_MODEL_BYTES = 1 << 30
# Contexts this long are kept only when seen twice: those seen once are most of a model's size and predict badly.
FREQUENT_CONTEXT_LENGTH = 3


class ModelError(ValueError):
    """A text or model file that cannot be used; the message is for people."""


def normalize(text):
    """Brings text to Unicode form NFC with line ends as "\\n", so that equal text has equal characters."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def read_text(path):
    """Reads a text file as UTF-8, bytes that are none replaced by U+FFFD, normalized."""
    with open(path, "rb") as file:
        data = file.read()
    return normalize(data.decode("utf-8-sig", errors="replace"))


def split_text(text, held_out_fraction=0.1):
    """Splits text into what a model is trained on and its last part, which it is measured with."""
    cut = len(text) - max(1, int(len(text) * held_out_fraction))
    return text[:cut], text[cut:]


class Model:
    """Counts of what follows which context. `levels[k]` maps a context of k characters to (characters, counts)."""

    def __init__(self, order, levels, name=""):
        self.order = order
        self.levels = levels
        self.name = name
        characters, counts = levels[0][""]
        self.alphabet = characters
        seen, kinds = sum(counts), len(counts)
        # One more than the alphabet: the symbol for all unknown characters.
        uniform = kinds / (len(characters) + 1)
        self._unigram = {c: (n + uniform) / (seen + kinds) for c, n in zip(characters, counts)}
        self.unknown_probability = uniform / (seen + kinds)

    def _followers(self, context):
        """Yields (characters, counts, N + T) of the contexts known, the longest first, down to one character."""
        longest = min(self.order - 1, len(context))
        for length in range(longest, 0, -1):
            entry = self.levels[length].get(context[len(context) - length :])
            if entry is not None:
                yield entry[0], entry[1], sum(entry[1]) + len(entry[1])

    def probability(self, character, context):
        """P(character | context); every character outside the alphabet counts as the one unknown symbol."""
        result, weight = 0.0, 1.0
        for characters, counts, total in self._followers(context):
            at = characters.find(character)
            if at >= 0:
                result += weight * counts[at] / total
            weight *= len(counts) / total
        return result + weight * self._unigram.get(character, self.unknown_probability)

    def distribution(self, context):
        """P(c | context) of every character of the alphabet, as a dict, and the probability of an unknown one."""
        known, weight = self._mix(context)
        full = {c: known.get(c, 0.0) + weight * p for c, p in self._unigram.items()}
        return full, weight * self.unknown_probability

    def _mix(self, context):
        """The share of the contexts in P(c | context), for the characters they know, and the weight of the rest."""
        known, weight = {}, 1.0
        for characters, counts, total in self._followers(context):
            for character, count in zip(characters, counts):
                known[character] = known.get(character, 0.0) + weight * count / total
            weight *= len(counts) / total
        return known, weight

    def evaluate(self, text, context="", progress=None):
        """Measures text that the model was not trained on.

        Returns {"perplexity", "bitsPerCharacter", "unknownCharacters"}; the perplexity is per character:
        exp(-1/n * sum(ln P(c | what comes before))).
        """
        if not text:
            raise ModelError("there is no text to measure the model with")
        reach = self.order - 1
        history = context[len(context) - reach :] if reach else ""
        padded, start = history + text, len(history)
        total, unknown = 0.0, 0
        for index in range(start, len(padded)):
            character = padded[index]
            total -= math.log(self.probability(character, padded[max(0, index - reach) : index]))
            unknown += character not in self._unigram
            if progress and (index - start) % 4096 == 0:
                progress((index - start) / len(text))
        mean = total / len(text)
        return {
            "perplexity": math.exp(mean),
            "bitsPerCharacter": mean / math.log(2),
            "unknownCharacters": unknown,
        }

    def generate(self, prompt, length, temperature=1.0, seed=0):
        """Yields `length` characters that go on from the prompt.

        Below 1 a temperature prefers what is likely, above 1 it evens out. Equal seeds give equal text.
        """
        source = random.Random(seed)
        sharpness = 1.0 / temperature
        rest = {c: p**sharpness for c, p in self._unigram.items()}
        rest_total = sum(rest.values())
        reach = self.order - 1
        context = prompt[len(prompt) - min(reach, len(prompt)) :]
        for _ in range(length):
            character = self._draw(context, sharpness, rest, rest_total, source)
            yield character
            context = (context + character)[-reach:] if reach else ""

    def _draw(self, context, sharpness, rest, rest_total, source):
        """Draws one character from the sharpened distribution without listing the whole alphabet.

        Only the few characters that the contexts know are weighed one by one; all others keep the proportions of the
        unigram, of which `rest` holds the sharpened values.
        """
        known, weight = self._mix(context)
        tail = weight**sharpness
        weights = [(c, (p + weight * self._unigram[c]) ** sharpness) for c, p in known.items()]
        others = max(0.0, rest_total - sum(rest[c] for c in known)) if len(known) < len(rest) else 0.0
        total = sum(w for _, w in weights) + tail * others
        if total <= 0.0:
            # A very low temperature has rounded every weight to zero: the likeliest one is meant.
            return max(self.distribution(context)[0].items(), key=lambda item: item[1])[0]
        point = source.random() * total
        for character, share in weights:
            point -= share
            if point < 0.0:
                return character
        outside = [c for c in rest if c not in known]
        if not outside:
            return weights[-1][0]
        return source.choices(outside, [max(rest[c], 5e-324) for c in outside])[0]

    def to_bytes(self):
        """The model as gzip-compressed JSON. Equal models give equal bytes."""
        body = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "order": self.order,
            "levels": [{context: list(entry) for context, entry in sorted(level.items())} for level in self.levels],
        }
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return gzip.compress(text.encode("utf-8"), compresslevel=6, mtime=0)

    def save(self, path):
        """Writes the model to a file. A half-written one never shows under its name."""
        partial = f"{path}.partial-{os.getpid()}"
        try:
            with open(partial, "wb") as file:
                file.write(self.to_bytes())
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            if os.path.exists(partial):
                os.unlink(partial)
            raise


def load(path):
    """Reads a model file. Raises ModelError when it is not one, OSError when it cannot be read."""
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(MAX_MODEL_BYTES + 1)
        if len(data) > MAX_MODEL_BYTES:
            raise ModelError(f"{path} is too large to be a charlm model")
        body = json.loads(data)
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelError(f"{path} is not a charlm model, or damaged: {error}") from error
    return _checked_model(path, body)


def _checked_model(path, body):
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ModelError(f"{path} is not a charlm model")
    if body.get("version") != VERSION:
        raise ModelError(f"{path} is of version {body.get('version')}; this program reads version {VERSION}")
    order, levels = body.get("order"), body.get("levels")
    if not isinstance(order, int) or not isinstance(levels, list) or len(levels) != order:
        raise ModelError(f"{path} is damaged: its order does not fit its levels")
    try:
        for level in levels:
            for characters, counts in level.values():
                if len(characters) != len(counts) or not counts or min(counts) < 1:
                    raise ModelError(f"{path} is damaged: a context has no counts")
        alphabet = frozenset(levels[0][""][0])
        if not all(alphabet.issuperset(known) for level in levels[1:] for known, _ in level.values()):
            raise ModelError(f"{path} is damaged: a character is outside its alphabet")
        return Model(order, levels, str(body.get("name", "")))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path} is damaged: {error!r}") from error


def train(text, order, name="", progress=None):
    """Counts the n-grams of text, up to `order` characters long. `progress(fraction, words)` is called now and then."""
    if not text:
        raise ModelError("there is no text to train on")
    if not 1 <= order <= MAX_ORDER:
        raise ModelError(f"order must be between 1 and {MAX_ORDER}, not {order}")
    levels, kept = [], None
    for length in range(order):
        if progress:
            progress(length / order, f"counting sequences of {length + 1} characters")
        levels.append(_count_level(text, length, kept))
        kept = {context for context, (_, counts) in levels[-1].items() if sum(counts) > 1}
    return Model(order, levels, name)


def _count_level(text, length, frequent):
    """Counts what follows each context of `length` characters.

    A long context seen once is left out. Its shorter start, which `frequent` lists when seen more often, is looked
    at first: it saves counting most of the long sequences of a text.
    """
    positions = range(len(text) - length)
    if length < FREQUENT_CONTEXT_LENGTH or frequent is None:
        sequences = Counter(text[at : at + length + 1] for at in positions)
    else:
        start = length - 1
        sequences = Counter(text[at : at + length + 1] for at in positions if text[at : at + start] in frequent)
    level = {}
    for sequence, count in sorted(sequences.items(), key=lambda item: (-item[1], item[0])):
        entry = level.setdefault(sequence[:-1], ([], []))
        entry[0].append(sequence[-1])
        entry[1].append(count)
    least = 2 if length >= FREQUENT_CONTEXT_LENGTH else 1
    return {context: ("".join(cs), counts) for context, (cs, counts) in level.items() if sum(counts) >= least}
