"""Checks of the character model. Run by test/runtimes/charlm.test.ts, or: python3 -m unittest discover here."""

import gzip
import json
import math
import os
import random
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path.insert(0, os.path.join(ROOT, "runtimes", "charlm"))

import charlm  # noqa: E402

WORDS = (
    "the of and to in a is that it was for on are with as his they be at one have this from or had by hot but some "
    "what there we can out other were all your when up use word how said an each she which do their time if will way "
    "about many then them would write like so these her long make thing see him two has look more day could go come "
    "did my sound no most number who over know water than call first people may down side been now find"
).split()


def english_like(sentences, seed=7):
    """Sentences of common words in random order: no language, yet with its letters and word lengths."""
    source = random.Random(seed)
    lines = []
    for _ in range(sentences):
        words = [source.choice(WORDS) for _ in range(source.randint(4, 12))]
        lines.append(" ".join(words).capitalize() + ".")
    return "\n".join(lines)


class Distribution(unittest.TestCase):
    def setUp(self):
        self.model = charlm.train(english_like(300), 5)

    def total(self, context):
        known, unknown = self.model.distribution(context)
        return math.fsum(known.values()) + unknown

    def test_sums_to_one_for_known_unknown_and_empty_contexts(self):
        for context in ["", "t", "th", "the ", "of the", "qzx", "\u00e9\u4e2d", "thZ", "."]:
            self.assertAlmostEqual(self.total(context), 1.0, places=12, msg=repr(context))

    def test_every_probability_is_positive(self):
        known, unknown = self.model.distribution("the ")
        self.assertGreater(min(known.values()), 0.0)
        self.assertGreater(unknown, 0.0)

    def test_probability_agrees_with_distribution(self):
        for context in ["", "th", "and ", "xx"]:
            known, unknown = self.model.distribution(context)
            for character, expected in known.items():
                self.assertAlmostEqual(self.model.probability(character, context), expected, places=12)
            self.assertAlmostEqual(self.model.probability("\u4e2d", context), unknown, places=12)

    def test_witten_bell_by_hand(self):
        # "abab" has a twice and b twice: P(a) = (2 + 2 * 1/3) / (4 + 2).
        # After a always b: P(b|a) = (2 + 1 * P(b)) / (2 + 1).
        model = charlm.train("abab", 2)
        unigram = (2 + 2 / 3) / 6
        self.assertAlmostEqual(model.probability("a", ""), unigram, places=12)
        self.assertAlmostEqual(model.probability("b", "a"), (2 + unigram) / 3, places=12)
        self.assertAlmostEqual(model.unknown_probability, (2 / 3) / 6, places=12)

    def test_trains_on_one_repeated_character(self):
        model = charlm.train("a" * 300, 4)
        self.assertAlmostEqual(sum(model.distribution("aaa")[0].values()) + model.distribution("aaa")[1], 1.0)
        self.assertEqual("".join(model.generate("", 5, 1.0, 1)), "aaaaa")


class Counting(unittest.TestCase):
    def test_counts_what_a_plain_count_counts(self):
        text = english_like(60)
        model = charlm.train(text, 7)
        for length, level in enumerate(model.levels):
            plain = {}
            for at in range(len(text) - length):
                followers = plain.setdefault(text[at : at + length], {})
                followers[text[at + length]] = followers.get(text[at + length], 0) + 1
            least = 2 if length >= charlm.FREQUENT_CONTEXT_LENGTH else 1
            plain = {context: found for context, found in plain.items() if sum(found.values()) >= least}
            self.assertEqual({context: dict(zip(*entry)) for context, entry in level.items()}, plain, msg=str(length))


class Perplexity(unittest.TestCase):
    def test_beats_unigram_which_beats_uniform(self):
        training, held_out = charlm.split_text(english_like(1500))
        full = charlm.train(training, 5)
        result = full.evaluate(held_out, training)["perplexity"]
        unigram = charlm.train(training, 1).evaluate(held_out, training)["perplexity"]
        uniform = len(full.alphabet) + 1
        self.assertLess(unigram, uniform * 0.8)
        self.assertLess(result, unigram * 0.5)

    def test_bits_are_the_logarithm_of_perplexity(self):
        training, held_out = charlm.split_text(english_like(200))
        result = charlm.train(training, 3).evaluate(held_out, training)
        self.assertAlmostEqual(2 ** result["bitsPerCharacter"], result["perplexity"], places=9)

    def test_noise_costs_about_as_much_as_uniform(self):
        source = random.Random(3)
        text = "".join(source.choice("abcdefghijklmnop") for _ in range(20000))
        training, held_out = charlm.split_text(text)
        result = charlm.train(training, 3).evaluate(held_out, training)
        self.assertGreater(result["perplexity"], 15.9)

    def test_unknown_characters_are_counted_and_finite(self):
        result = charlm.train(english_like(100), 3).evaluate("the \u4e2d\u6587 of", "")
        self.assertEqual(result["unknownCharacters"], 2)
        self.assertTrue(math.isfinite(result["perplexity"]))

    def test_nothing_to_measure_is_an_error(self):
        with self.assertRaises(charlm.ModelError):
            charlm.train("abc", 1).evaluate("")


class Generation(unittest.TestCase):
    def setUp(self):
        self.model = charlm.train(english_like(300), 5)

    def text(self, seed, temperature=0.8, length=300, prompt="The "):
        return "".join(self.model.generate(prompt, length, temperature, seed))

    def test_equal_seeds_give_equal_text_and_others_do_not(self):
        self.assertEqual(self.text(1), self.text(1))
        self.assertNotEqual(self.text(1), self.text(2))

    def test_has_the_length_asked_for(self):
        for length in (0, 1, 777):
            self.assertEqual(len(self.text(1, length=length)), length)

    def test_low_temperature_is_less_surprising_than_high(self):
        def surprise(text):
            return self.model.evaluate(text, "The ")["perplexity"]

        self.assertLess(surprise(self.text(1, 0.2, 1000)), surprise(self.text(1, 1.0, 1000)))
        self.assertLess(surprise(self.text(1, 1.0, 1000)), surprise(self.text(1, 5.0, 1000)))

    def test_extreme_temperatures_and_odd_prompts_work(self):
        for temperature in (0.05, 5.0):
            for prompt in ("", "\u4e2d\u6587 \U0001f600", "q" * 5000):
                self.assertEqual(len(self.text(1, temperature, 50, prompt)), 50)

    def test_draws_follow_the_distribution(self):
        expected, unknown = self.model.distribution("th")
        draws = [next(self.model.generate("th", 1, 1.0, seed)) for seed in range(4000)]
        for character in ("e", "a", "i"):
            share = expected[character] / (1 - unknown)
            # Four standard deviations of a binomial share: one seed set in about 16 000 would miss it.
            margin = 4 * math.sqrt(share * (1 - share) / len(draws))
            self.assertAlmostEqual(draws.count(character) / len(draws), share, delta=margin)

    def test_draws_reach_what_the_context_has_never_seen(self):
        # q is followed by u, once: half of the weight goes to the unigram.
        model = charlm.train(english_like(100).replace("q", "k") + " qu", 3)
        expected = model.distribution("q")[0]["u"]
        draws = [next(model.generate("q", 1, 1.0, seed)) for seed in range(2000)]
        margin = 4 * math.sqrt(expected * (1 - expected) / len(draws))
        self.assertAlmostEqual(draws.count("u") / len(draws), expected, delta=margin)
        self.assertGreater(len(set(draws)), 10)

    def test_temperature_sharpens_every_share_alike(self):
        model = charlm.train(english_like(100).replace("q", "k") + " qu", 3)
        powers = {c: p**2 for c, p in model.distribution("q")[0].items()}
        expected = powers["u"] / sum(powers.values())
        draws = [next(model.generate("q", 1, 0.5, seed)) for seed in range(2000)]
        margin = 4 * math.sqrt(expected * (1 - expected) / len(draws))
        self.assertAlmostEqual(draws.count("u") / len(draws), expected, delta=margin)

    def test_words_come_out(self):
        words = self.text(5, 0.3, 2000).lower().replace(".", " ").split()
        good = sum(word in WORDS for word in words) / len(words)
        self.assertGreater(good, 0.6)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "model.charlm")

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def test_round_trip_keeps_the_model(self):
        model = charlm.train(english_like(100) + "\u00e9\u4e2d\U0001f600", 4, "my model")
        model.save(self.path)
        again = charlm.load(self.path)
        self.assertEqual(again.name, "my model")
        self.assertEqual(again.to_bytes(), model.to_bytes())
        # The time in the head of a gzip file would make equal models differ.
        self.assertEqual(model.to_bytes()[4:8], bytes(4))
        self.assertEqual(list(again.generate("The ", 200, 0.8, 3)), list(model.generate("The ", 200, 0.8, 3)))
        self.assertEqual(os.listdir(self.folder.name), ["model.charlm"])

    def test_refuses_what_is_no_model(self):
        good = charlm.train("hello hello", 2).to_bytes()
        body = json.loads(gzip.decompress(good))
        cases = {
            "empty": b"",
            "plain text": b"hello",
            "cut short": good[: len(good) // 2],
            "flipped byte": good[:20] + bytes([good[20] ^ 255]) + good[21:],
            "no JSON": gzip.compress(b"\xff{"),
            "other JSON": gzip.compress(b"[1]"),
            "newer version": gzip.compress(json.dumps({**body, "version": 2}).encode()),
            "wrong order": gzip.compress(json.dumps({**body, "order": 9}).encode()),
            "no counts": gzip.compress(json.dumps({**body, "levels": [{}, {}]}).encode()),
            "bad counts": gzip.compress(json.dumps({**body, "levels": [{"": ["ab", [1, -1]]}, {}]}).encode()),
            "text for counts": gzip.compress(json.dumps({**body, "levels": [{"": ["ab", "xy"]}, {}]}).encode()),
            "foreign character": gzip.compress(
                json.dumps({**body, "levels": [{"": ["ab", [1, 1]]}, {"a": ["z", [3]]}]}).encode()
            ),
        }
        for name, data in cases.items():
            self.write(data)
            with self.subTest(name), self.assertRaises(charlm.ModelError):
                charlm.load(self.path)

    def test_a_missing_file_is_an_os_error(self):
        with self.assertRaises(FileNotFoundError):
            charlm.load(self.path)

    def test_text_is_read_whatever_its_bytes(self):
        self.write(b"\xef\xbb\xbfcafe\xcc\x81\r\nx\rbad \xff\xfe")
        self.assertEqual(charlm.read_text(self.path), "caf\u00e9\nx\nbad \ufffd\ufffd")

    def test_order_out_of_range_is_refused(self):
        for order in (0, 13, -1):
            with self.assertRaises(charlm.ModelError):
                charlm.train("hello", order)


if __name__ == "__main__":
    unittest.main()
