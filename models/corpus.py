"""Folders of notes and manuals that do not exist, for questions that are answered by searching them.

A line is a sentence from a template with its slots filled, or a line of this project's own documentation and comments, so
that names, paths and identifiers of every kind occur.  is_held() keeps a seventh of the templates out of training; the
documents in HELD_DOCUMENTS are kept out whole.
"""

import re
from pathlib import Path

from phrases import is_held

TOP = Path(__file__).resolve().parent.parent
HELD_DOCUMENTS = ["docs/api.md", "docs/protocol.md"]
STOP = set("""a an and are as at be by can do does for from has have how i if in into is it its of on or our so than that the their them then there
they this to was we what when where which who will with you your""".split())

SENTENCES = [
    "Heat {c} under reflux for {n} h in {s}.", "Dissolve {q} of {c} in {v} of {s}.", "Cool the flask to {t} before adding {c}.",
    "The yield of batch {w} was {n} %.", "Recrystallize the crude {c} from hot {s}.", "Stir the suspension for {n} min at room temperature.",
    "Keep {c} under argon, away from light.", "The melting point of {c} was {n} C, two degrees below the literature.",
    "Wash the precipitate three times with cold {s}.", "Dry the filter cake overnight at {t} in the vacuum oven.",
    "Store {c} in the {e} of room {n}.", "The {e} is calibrated every {n} days by the workshop.", "Ask the workshop before opening the {e}.",
    "{c} arrived on {d}; the seal of the bottle was broken.", "Never mix {c} with {s}: the mixture is exothermic.",
    "The retention time of {c} on column {w} is {n} min.", "Use {s} and {s2} in the ratio {n}:1 as eluent.",
    "Sample {w} turned yellow after {n} days in the {e}.", "The blank showed a peak at {n} nm.", "Titrate with {c} until the colour persists for {n} s.",
    "We repeat the extraction with {s} because the first phase was cloudy.", "Spin the tubes at {n} rpm for ten minutes.",
    "Aliquots of {v} are frozen at {t} and thawed once.", "The spectrum of {w} has a doublet at {n} ppm.", "Order {q} of {c} before {d}.",
    "The price of {c} went up to {n} EUR per kilogram.", "Charge the reactor with {v} of {s} and start the stirrer.",
    "Quench the reaction slowly with ice and {s}.", "The pH of the buffer must be between {n} and {m}.", "Filter the buffer through a {n} um membrane.",
    "Gloves of nitrile do not protect against {s}.", "In case of a spill, cover {c} with sand and call extension {n}.",
    "The waste of {s} goes into the container marked {w}.", "Shift {w} ends at {n}:30; hand over the keys of the {e}.",
    "Balance {w} drifts by {n} mg an hour when the window is open.", "The safety sheet of {c} is in the red folder, page {n}.",
    "Column {w} was replaced on {d}.", "Replace the septum of the {e} after {n} injections.", "Pressure in the autoclave must not exceed {n} bar.",
    "Set the {e} to {t} and wait for the green lamp.", "The display of the {e} shows {w} when the door is open.",
    "Error {w} means that the pump of the {e} has lost its prime.", "Press reset for {n} seconds to clear error {w}.",
    "The filter behind the {e} must be cleaned every {n} weeks.", "A beep every {n} seconds means that the battery of the {e} is low.",
    "Turn off the main switch before replacing fuse {w}.", "The warranty of the {e} ends on {d}.", "Lubricate the bearing of the {e} with {n} drops of oil.",
    "Firmware {w} fixes the drift of the {e}.", "The spare lamp of the {e} lies in drawer {n}.", "Serial cable {w} connects the {e} to the computer.",
    "The default password of the {e} is printed under its lid.", "Unplug the {e} during a thunderstorm.",
    "Meeting on {d}: the group agreed to repeat experiment {w}.", "The report about {w} is due on {d}.", "Room {n} is booked for the seminar on {d}.",
    "The visitors from the {k} department arrive on {d}.", "Bring two copies of form {w} to the {k} office.",
    "The budget of project {w} is {n} thousand EUR.", "Milestone {n} of project {w} was moved to {d}.", "The {k} team asks for {n} more samples of {w}.",
    "Travel costs are paid back within {n} days.", "The key of the {k} cabinet is with the porter.", "Bicycles may not be parked in front of the {k} door.",
    "The coffee machine in the {k} kitchen needs descaling every {n} weeks.", "The fire drill takes place on {d} at ten.",
    "Set {u} to {n} to limit the number of open files.", "The option --{u} prints every step to the log.", "{u} is ignored when {u2} is set.",
    "The file {u}.conf is read once, at start.", "A client that sends no {u} header gets status {n}.", "The default of {u} is {n} MiB.",
    "Since version {n}.{m} the key {u} replaces {u2}.", "The service {u} listens on port {n} of the loopback interface.",
    "Backups of {u} are kept for {n} days and then deleted.", "Run {u} --check before the upgrade.", "The table {u} has one row a user.",
    "If {u} fails with code {n}, restart it by hand.", "The queue {u} holds at most {n} messages; older ones are dropped.",
    "{u}() returns -1 and sets errno when the buffer is too small.", "The timeout of {u} is {n} ms and cannot be changed.",
    "Logs of {u} rotate when they reach {n} megabytes.", "The variable {u} names the folder for temporary files.",
    "The garden behind the {k} building closes at {n}.", "Rainwater from tank {w} is used for the plants.", "Plant the {k} beans {n} cm apart.",
    "The {k} train leaves platform {n} every {m} minutes.", "The library opens at {n} and closes at {m}.", "Ticket {w} is valid until {d}.",
    "The bridge near the {k} mill carries at most {n} tonnes.", "The recipe asks for {q} of sugar and {n} eggs.", "Bake the bread for {n} minutes at {t}.",
    "The {k} window does not close properly since {d}.", "Paint the fence with two coats, {n} hours apart.",
    "Water the {k} seedlings with {v} a day.", "The old {k} clock loses {n} seconds a week.", "Key {w} opens the {k} gate and the boat house.",
]
# For the evaluation only
HELD_SENTENCES = [
    "Rinse the {e} with {s} until the runnings are clear.", "A second crop of {c} came out of the mother liquor after {n} days.",
    "{c} decomposes above {t}, so distil it in vacuum.", "The pump of the {e} makes a rattling noise when it runs dry.", "Weigh {c} quickly because it attracts moisture.",
    "Neutralize the aqueous layer with soda before throwing it away.", "The thermometer of the {e} reads {n} degrees too high.",
    "Label every vial with {w}, the date and your initials.", "Nobody may work alone with {c} after six in the evening.", "The chiller needs {v} of glycol once a year.",
    "Evaporate the {s} under reduced pressure and weigh the residue.", "The certificate of {c} states a purity of {n} %.",
    "Wipe the lens of the {e} with a dry cloth only.", "Hold the blue button until the {e} clicks twice.", "The gasket {w} fits every flange of the {e}.",
    "Remote control of the {e} needs the adapter {w}.", "The manual switch {w} overrides the thermostat.", "Deliveries are accepted at the {k} gate until noon.",
    "The audit found {n} unlabelled bottles in the {k} store.", "Invoices above {n} EUR need two signatures.", "Interns get their badge at the {k} reception on {d}.",
    "The parking permit {w} must be visible behind the windscreen.", "{u} accepts at most {n} connections and refuses the next.",
    "Without {u} the daemon falls back to {u2}.", "Set {u} to zero to disable the watchdog.", "The command {u} --dry-run changes nothing on disk.",
    "A signature mismatch in {u} stops the import.", "{u} was renamed in release {n}.{m}.", "Two processes must never write to {u} at once.",
    "The header {u} carries the checksum of the body.", "Memory beyond {n} MiB is given back by {u} every night.", "The orchard near the {k} pond yields {q} of apples.",
    "The lighthouse keeper counts {n} steps to the lantern.", "Tide tables for the {k} quay are printed in June.", "Soak the lentils overnight in {v} of water.",
    "The choir rehearses in the {k} hall every Tuesday.", "Ferry {w} sails only when the wind drops.", "The beekeeper moved {n} hives behind the {k} barn.",
]
EQUIPMENT = ["rotary evaporator", "glove box", "centrifuge", "autoclave", "fume hood", "freezer", "incubator", "spectrometer", "chromatograph", "balance",
             "water bath", "vacuum pump", "oven", "microscope", "shaker", "still", "dishwasher", "printer", "generator", "compressor", "boiler", "scanner",
             "laser", "pump", "refrigerator", "hot plate", "titrator", "sterilizer", "thermostat", "cold trap"]
SOLVENTS = ["ethanol", "methanol", "acetone", "toluene", "hexane", "ethyl acetate", "water", "dichloromethane", "acetonitrile", "diethyl ether", "heptane",
            "isopropanol", "chloroform", "brine", "pyridine", "dioxane", "xylene", "cyclohexane", "butanol", "glycerol"]
KINDS = ["north", "red", "old", "second", "chemistry", "physics", "garden", "purchase", "export", "main", "winter", "upper", "green", "lower", "visitor",
         "quality", "travel", "summer", "legal", "blue", "new", "eastern", "music", "transport", "harbour", "marble", "narrow", "copper"]
UNITS_PARTS = ["max", "min", "cache", "queue", "log", "path", "retry", "limit", "user", "index", "worker", "timeout", "size", "level", "batch", "token", "port",
               "sync", "proxy", "store", "watch", "depth", "page", "lock", "frame", "heart", "beat", "poll", "grace", "spool", "trace", "dump", "mode", "rate"]
SYLLABLES = ["ra", "bo", "ki", "ten", "mar", "lo", "vi", "sun", "da", "per", "ul", "gan", "fi", "zo", "hel", "que", "wy", "cor", "ax", "ni", "ber", "to", "sil", "em"]
ROOTS = ["notes", "docs", "lab", "papers", "manuals", "wiki", "protocols", "journal", "handbook", "reports", "memos", "library", "guide", "archive", "kb", "texts"]
FOLDERS = ["2024", "2025", "2026", "old", "draft", "team", "week12", "week7", "synthesis", "analysis", "devices", "safety", "admin", "server", "house", "projects",
           "intro", "setup", "misc", "spring", "autumn"]
STEMS = ["synthesis", "log", "plan", "readme", "orders", "cleaning", "hplc", "nmr", "storage", "config", "install", "upgrade", "meeting", "safety", "waste", "devices",
         "chapter", "summary", "protocol", "faq", "network", "backup", "inventory", "calibration", "recipes", "garden", "travel", "budget", "keys", "usage", "errors",
         "tools", "journal", "index", "todo", "buffers", "columns", "methods", "results", "notes"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]


def word_of(token):
    """A token of a line without the punctuation around it"""
    return token.strip(".,;:!?()[]{}<>\"'`*|…")


def documents(held):
    """Lines of this project's own documents and comments"""
    lines = []
    files = sorted(TOP.glob("docs/*.md")) + [TOP / "README.md"]
    if not held:
        files += sorted(f for folder in ("include/corax", "util", "infer", "agent", "tools", "policies", "daemon", "cli", "plugins")
                        for f in (TOP / folder).rglob("*.[ch]"))
    for file in files:
        if file.suffix == ".md" and (str(file.relative_to(TOP)) in HELD_DOCUMENTS) != held:
            continue
        for line in file.read_text(errors="replace").splitlines():
            if file.suffix != ".md":
                comment = re.match(r"\s*/?\*+ (.*?)(\*/)?$", line)
                line = comment.group(1) if comment else ""
            line = line.strip()
            if len(line) >= 24 and len(line.split()) >= 4 and not line.startswith("```"):
                lines.append(line)
    return list(dict.fromkeys(lines))


class Corpus:
    def __init__(self, rng, names, held):
        self.rng, self.names, self.held = rng, names, held
        self.documents = documents(held)
        self.sentences = [s for s in SENTENCES if is_held(s) == held]

    def code(self):
        r = self.rng
        letters = "".join(r.choice("ABCDEFGHKLMNPQRSTVWXYZ") for _ in range(r.randint(1, 3)))
        return letters + r.choice(["", "-", ""]) + str(r.randint(1, r.choice([9, 99, 999, 9999])))

    def invented(self):
        return "".join(self.rng.choice(SYLLABLES) for _ in range(self.rng.randint(2, 4)))

    def identifier(self):
        r = self.rng
        parts = [r.choice(UNITS_PARTS) if r.random() < 0.8 else self.invented() for _ in range(r.randint(1, 3))]
        how = r.random()
        if how < 0.5:
            return "_".join(parts)
        if how < 0.7:
            return "-".join(parts)
        return "-".join(p.capitalize() for p in parts) if how < 0.85 else "".join(p.capitalize() for p in parts)

    def sentence(self):
        r = self.rng
        big = lambda: r.choice([r.randint(2, 20), r.randint(2, 99), r.randint(10, 5000)])
        fill = {
            "c": lambda: r.choice(self.names) if r.random() < 0.8 else self.invented(), "s": lambda: r.choice(SOLVENTS), "s2": lambda: r.choice(SOLVENTS),
            "e": lambda: r.choice(EQUIPMENT), "k": lambda: r.choice(KINDS), "w": lambda: self.code() if r.random() < 0.7 else self.invented().capitalize(),
            "u": self.identifier, "u2": self.identifier, "n": lambda: str(big()) if r.random() < 0.8 else f"{r.uniform(0, 50):.1f}", "m": lambda: str(big()),
            "q": lambda: f"{big()} {r.choice(['g', 'mg', 'kg'])}", "v": lambda: f"{big()} {r.choice(['mL', 'L', 'uL'])}", "t": lambda: f"{r.randint(-80, 250)} C",
            "d": lambda: (f"20{r.randint(22, 29)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}" if r.random() < 0.6 else f"{r.randint(1, 28)} {r.choice(MONTHS)}"),
        }
        text = re.sub(r"\{(\w+)\}", lambda m: fill[m.group(1)](), r.choice(self.sentences))
        return text[0].upper() + text[1:] if r.random() < 0.9 else text

    def line(self):
        """One line as search shows it: at most 160 characters"""
        r = self.rng
        kind = r.random()
        if kind < 0.38:
            text = r.choice(self.documents)
        elif kind < 0.85:
            text = self.sentence()
        else:
            text = self.sentence() + " " + self.sentence()
        if r.random() < 0.12:
            text = r.choice(["- ", "* ", f"{r.randint(1, 12)}. ", "> ", "  - "]).strip() + " " + text
        if r.random() < 0.25 and len(text) > 70:
            # Lines of running text begin and end anywhere.
            cut = text.split(" ")
            text = " ".join(cut[r.randint(0, 3):len(cut) - r.randint(0, 4)])
        if len(text) > 160 or (len(text) > 110 and r.random() < 0.15):
            at = r.randint(0, max(0, len(text) - 158)) if r.random() < 0.6 else 0
            text = ("…" if at else "") + text[at:at + 157].strip() + "…"
        return text

    def place(self):
        """A path that begins with the name of its root, and the number of a line"""
        r = self.rng
        parts = [r.choice(ROOTS)]
        parts += [r.choice(FOLDERS) for _ in range(r.choice([0, 0, 0, 1, 1, 2]))]
        stem = r.choice(STEMS) if r.random() < 0.75 else self.invented()
        if r.random() < 0.3:
            stem += r.choice(["-", "_"]) + (r.choice(STEMS) if r.random() < 0.5 else str(r.randint(1, 30)))
        parts.append(stem + r.choice([".md"] * 6 + [".txt"] * 3 + [".rst", ".org", ".markdown"]))
        return "/".join(parts), r.randint(1, r.choice([20, 99, 300, 999]))

    def topic(self, line):
        """(as asked, as the tool is given it): words of the line; the query leaves out stop words.  None if the line has no good ones"""
        r = self.rng
        tokens = line.split()
        words = [word_of(t) for t in tokens]
        good = [i for i, w in enumerate(words) if len(w) > 1 and w.lower() not in STOP and re.search(r"\w", w) and not re.search(r"[\"\\`'{}<>|]", w)]
        if not good:
            return None
        i = r.choice(good)
        how = r.random()
        if how < 0.25:
            asked = query = words[i]
        elif how < 0.7:
            # A run of words, as it stands in the line
            j = min(len(words) - 1, i + r.randint(1, 4))
            while j > i and j not in good:
                j -= 1
            run = words[i:j + 1]
            if any(re.search(r"[\"\\`'{}<>|]", w) or not w for w in run) or any(t[-1] in ".;:!?" for t in tokens[i:j]):
                return None
            asked = " ".join(run)
            query = " ".join(w for w in run if w.lower() not in STOP)
        else:
            picked = sorted(r.sample(good, min(len(good), r.randint(2, 3))))
            picked = [words[p] for p in picked]
            query = " ".join(picked)
            asked = query if r.random() < 0.5 or len(picked) < 2 else ", ".join(picked[:-1]) + r.choice([" and ", " or "]) + picked[-1]
        if r.random() < 0.25 and asked[0].isupper() and asked[1:].islower():
            asked, query = asked[0].lower() + asked[1:], query[0].lower() + query[1:]
        if r.random() < 0.12:
            asked = r.choice(["the ", "a ", "the ", "our "]) + asked
        return (asked, query) if len(query) <= 60 else None

    def hits(self, line, query):
        """What search returns: the line first, then up to two others that share a word with the query when there are such"""
        r = self.rng
        lines = [line]
        for _ in range(r.choices([0, 1, 2], [50, 27, 23])[0]):
            other = self.line()
            words = query.split()
            if r.random() < 0.7 and len(other) < 120:
                cut = other.split(" ")
                cut.insert(r.randint(0, len(cut)), r.choice(words))
                other = " ".join(cut)
            lines.append(other)
        same = self.place()
        places = [same] + [self.place() if r.random() < 0.6 else (same[0], same[1] + r.randint(1, 40)) for _ in lines[1:]]
        return [(path, number, text) for (path, number), text in zip(places, lines)]
