"""What people say: interchangeable pieces of questions.

{P} is a property's name, {m} the molecule as the person gives it, "its" questions follow a sentence that names the
molecule.  is_held() keeps a seventh of all phrasings out of training; evaluation uses only those.
"""

from zlib import crc32


def is_held(phrase):
    return crc32(phrase.encode()) % 7 == 0


def fill_in(template, parts):
    for key, value in parts.items():
        template = template.replace("{" + key + "}", value)
    return template


ASK = [
    "What is the {P} of {m}?", "What's the {P} of {m}?", "Tell me the {P} of {m}.", "Give me the {P} of {m}.",
    "Give the {P} of {m}", "Calculate the {P} of {m}.", "Compute the {P} of {m}.", "Find the {P} of {m}.",
    "Determine the {P} of {m}.", "Work out the {P} of {m}.", "Get the {P} of {m}", "Show me the {P} of {m}.",
    "Report the {P} of {m}.", "Return the {P} of {m}", "State the {P} of {m}.", "Look up the {P} of {m}.",
    "I need the {P} of {m}.", "I want the {P} of {m}.", "I would like the {P} of {m}.", "I'd like to know the {P} of {m}.",
    "I am looking for the {P} of {m}.", "I want to know the {P} of {m}", "Do you know the {P} of {m}?",
    "Can you tell me the {P} of {m}?", "Can you calculate the {P} of {m}?", "Can you find the {P} of {m}?",
    "Could you compute the {P} of {m}?", "Could you give me the {P} of {m}?", "Could you tell me the {P} of {m}?",
    "Would you calculate the {P} of {m} for me?", "Will you work out the {P} of {m}?", "Please give the {P} of {m}.",
    "Please calculate the {P} of {m}.", "Please tell me the {P} of {m}.", "Please compute the {P} of {m}",
    "Please find the {P} of {m}, thanks.", "Kindly compute the {P} of {m}.", "What {P} does {m} have?",
    "Which {P} does {m} have?", "What would be the {P} of {m}?", "What is the {P} for {m}?", "{P} of {m}", "{P} of {m}?",
    "{P} for {m}", "{P} for {m}, please", "the {P} of {m}", "{m}: {P}", "{m}: {P}?", "{m}, {P}?", "{m} - {P}, please.",
    "For {m}, what is the {P}?", "For {m}, give the {P}.", "For {m} I need the {P}.", "Given {m}, what is the {P}?",
    "Given {m}, compute the {P}.", "Take {m} and give me the {P}.", "Take {m}. What is the {P}?",
    "Let me know the {P} of {m}.", "Help me find the {P} of {m}.", "Hi, what is the {P} of {m}?",
    "Hello! Please tell me the {P} of {m}.", "Hey, I need the {P} of {m}.", "Quick question: what is the {P} of {m}?",
    "How do I get the {P} of {m}?", "My homework asks for the {P} of {m}.", "In the lab we use {m}. What is its {P}?",
    "We have {m}. What is the {P}?", "I have {m} here. What is its {P}?", "I have {m}. Tell me its {P}.",
    "Consider {m}. Compute its {P}.", "Consider {m}. What is its {P}?", "Here is {m}. What is its {P}?",
    "Use {m} to calculate the {P}.", "What do you get for the {P} of {m}?", "Check the {P} of {m}.",
    "Say what the {P} of {m} is.", "Tell me what the {P} of {m} is.", "Can I have the {P} of {m}?",
    "May I ask for the {P} of {m}?", "Is it possible to compute the {P} of {m}?", "Need {P} of {m}",
    "Need the {P} for {m}, please.", "Any idea what the {P} of {m} is?", "Someone asked me for the {P} of {m}.",
    "For my report I need the {P} of {m}.", "Evaluate the {P} of {m}.", "Provide the {P} of {m}.",
    "Please provide the {P} for {m}.", "Find out the {P} of {m}.", "Estimate the {P} of {m}.", "Print the {P} of {m}",
    "{m} has what {P}?", "Of {m}, what is the {P}?", "I wonder what the {P} of {m} is.",
    "Please work out what {P} {m} has.", "Let's see the {P} of {m}.", "Now the {P} of {m}, please.",
]

# (tool, answer label, part of the observation, names people use, whole questions that need no name)
PROPERTIES = {
    "weight": ("mol_weight", ["molecular weight", "molar mass", "molecular mass", "molar weight", "MW", "average molecular weight",
                              "average mass", "mass per mole", "weight", "mass", "formula weight"],
               ["How heavy is {m}?", "How much does one mole of {m} weigh?", "What does a mole of {m} weigh?",
                "How many grams per mole is {m}?", "What does {m} weigh per mole?", "How much does {m} weigh?",
                "Weigh {m} for me.", "How many g/mol is {m}?", "Weight of one mole of {m}, in grams?",
                "One mole of {m}: how many grams?", "Mass of 1 mol of {m}?"]),
    "exact": ("mol_weight", ["monoisotopic mass", "exact mass", "monoisotopic weight", "exact monoisotopic mass", "mass in Da for a mass spectrum"],
              ["Which mass does {m} show in a high-resolution mass spectrum?", "What monoisotopic mass should I expect for {m}?",
               "What exact mass should I look for with {m}?"]),
    "formula": ("formula", ["formula", "molecular formula", "chemical formula", "sum formula", "Hill formula", "brutto formula",
                            "elemental formula", "composition"],
                ["Which atoms does {m} contain?", "How many atoms of each element are in {m}?", "Which elements are in {m}?",
                 "What is {m} made of?", "Count the atoms of {m}.", "How many carbons and hydrogens does {m} have?",
                 "Write {m} as a formula.", "Turn {m} into a formula."]),
    "canonical": ("canonical_smiles", ["canonical SMILES", "canonical form", "standard SMILES", "normalized SMILES", "canonicalized SMILES",
                                       "unique SMILES", "RDKit SMILES", "canonical notation"],
                  ["Canonicalize {m}.", "Canonicalise {m}", "Please canonicalize {m}.", "Normalize {m}.", "Make {m} canonical.",
                   "Bring {m} into canonical form.", "Convert {m} to canonical SMILES.", "Rewrite {m} in canonical form.",
                   "Standardize {m}, please.", "Can you canonicalize {m}?", "How is {m} written canonically?",
                   "Turn {m} into its canonical SMILES.", "Write {m} as canonical SMILES."]),
    "logp": ("descriptors", ["logP", "Crippen logP", "octanol-water partition coefficient", "lipophilicity", "partition coefficient",
                             "calculated logP", "log P", "hydrophobicity"],
             ["How lipophilic is {m}?", "How greasy is {m}?", "How hydrophobic is {m}?", "Is {m} lipophilic?"]),
    "tpsa": ("descriptors", ["TPSA", "polar surface area", "topological polar surface area", "PSA", "polar area"],
             ["How large is the polar surface of {m}?", "How polar is the surface of {m}?", "How big is the TPSA of {m}?"]),
    "hbd": ("descriptors", ["number of hydrogen bond donors", "hydrogen bond donor count", "HBD", "H-bond donor count", "HBD count", "donor count",
                            "number of H-bond donors"],
            ["How many hydrogen bond donors does {m} have?", "How many H-bond donors are in {m}?", "Count the hydrogen bond donors of {m}.",
             "How many donors does {m} have?", "How many hydrogen bonds can {m} donate?"]),
    "hba": ("descriptors", ["number of hydrogen bond acceptors", "hydrogen bond acceptor count", "HBA", "H-bond acceptor count", "HBA count",
                            "acceptor count", "number of H-bond acceptors"],
            ["How many hydrogen bond acceptors does {m} have?", "How many H-bond acceptors are in {m}?",
             "Count the hydrogen bond acceptors of {m}.", "How many acceptors does {m} have?", "How many hydrogen bonds can {m} accept?"]),
    "rot": ("descriptors", ["number of rotatable bonds", "rotatable bond count", "rotatable bonds", "rotor count"],
            ["How many rotatable bonds does {m} have?", "How many rotatable bonds are in {m}?", "Count the rotatable bonds of {m}.",
             "How flexible is {m}?", "How many bonds can rotate in {m}?"]),
    "rings": ("descriptors", ["number of rings", "ring count", "rings"],
              ["How many rings does {m} have?", "How many rings are in {m}?", "Count the rings of {m}.", "Does {m} have rings?",
               "How many cycles does {m} contain?"]),
    "all": ("descriptors", ["descriptors", "physicochemical descriptors", "properties", "physicochemical properties", "descriptor set",
                            "molecular descriptors", "drug-like properties", "main descriptors"],
            ["Describe {m}.", "Profile {m}.", "Run the descriptors on {m}.", "Characterize {m}.", "Is {m} drug-like?",
             "Compute logP, TPSA and the rest for {m}.", "What can you say about {m}?"]),
}

NAMED = ["{n} ({s})", "{n} ({s})", "{n}, SMILES {s}", "{n} with the SMILES {s}", "{n} (SMILES: {s})", "{n} (SMILES {s})", "{n} [{s}]",
         "{n}, {s}", "{n} whose SMILES is {s}", "{n} = {s}", "{n}: {s}", '{n} "{s}"', "{n} (smiles: {s})", "{n}, which is {s}",
         "{n}, SMILES string {s}", "{s} ({n})", "{s} (this is {n})", "{s}, also known as {n}", "{s}, called {n}"]
UNNAMED = ["{s}", "{s}", "{s}", '"{s}"', "'{s}'", "`{s}`", "the molecule {s}", "the compound {s}", "the SMILES {s}",
           "this SMILES: {s}", 'the SMILES "{s}"', "the molecule with SMILES {s}", "the structure {s}", "this molecule: {s}",
           "this compound ({s})", "the molecule with the SMILES string {s}", "SMILES {s}", "the substance {s}", "compound {s}",
           "SMILES: {s}", "my molecule {s}", "the following molecule: {s}", "a molecule with SMILES {s}", "the SMILES string '{s}'"]

PAIR_P = ["What are the {P} and the {Q} of {m}?", "Give me the {P} and {Q} of {m}.", "Tell me the {P} and the {Q} of {m}.",
          "I need both the {P} and the {Q} of {m}.", "Compute the {P} and also the {Q} of {m}.", "{P} and {Q} of {m}",
          "{P} and {Q} of {m}, please.", "Calculate {P} and {Q} for {m}.", "First the {P}, then the {Q} of {m}.",
          "Please find the {P} of {m} and then its {Q}.", "What is the {P} of {m}, and what is its {Q}?",
          "Could you give me the {P} as well as the {Q} of {m}?", "For {m}, give the {P} and the {Q}.",
          "For {m} I need {P} and {Q}.", "Can you compute the {P} and {Q} of {m}?", "Show {P} and {Q} for {m}.",
          "Find the {P} plus the {Q} of {m}.", "Report {P} and {Q} of {m}.", "I'd like the {P} and the {Q} of {m}.",
          "Determine the {P} and the {Q} of {m}.", "Take {m}: what are the {P} and {Q}?"]
BOTH_M = ["What are the {P}s of {a} and {b}?", "Give me the {P} of {a} and of {b}.", "Tell me the {P} of {a} and the {P} of {b}.",
          "Compute the {P} of both {a} and {b}.", "{P} of {a} and {b}", "{P} for {a} and for {b}, please.",
          "Compare the {P} of {a} and {b}.", "Compare the {P}s of {a} and {b}.", "I need the {P} of {a} and also of {b}.",
          "Find the {P} of {a} and {b}.", "Please calculate the {P} of {a} and then of {b}.", "Show me the {P} of {a} and {b}.",
          "For {a} and {b}, what is the {P}?", "Could you compare {a} and {b} by {P}?", "List the {P} of {a} and {b}.",
          "What is the {P} of {a}, and what is the {P} of {b}?", "Both {a} and {b}: what is their {P}?"]
HEAVIER = ["Which is heavier, {a} or {b}?", "How much heavier is {a} than {b}?", "What is the difference in molecular weight between {a} and {b}?",
           "By how much do the molar masses of {a} and {b} differ?", "Is {a} heavier than {b}?", "Which one weighs more, {a} or {b}?",
           "Give me the weight difference of {a} and {b}.", "Subtract the molecular weight of {b} from that of {a}.",
           "Mass difference between {a} and {b}?", "Which has the larger molecular weight: {a} or {b}?",
           "Find the molar mass difference of {a} and {b}.", "Does {a} weigh more than {b}?"]
SIMILAR = ["How similar are {a} and {b}?", "What is the similarity of {a} and {b}?", "What is the Tanimoto similarity of {a} and {b}?",
           "Tanimoto similarity of {a} and {b}", "Compare {a} and {b}.", "Compare the structures of {a} and {b}.", "Similarity between {a} and {b}",
           "Similarity between {a} and {b}, please.", "Compute the similarity between {a} and {b}.", "How alike are {a} and {b}?",
           "How close is {a} to {b}?", "Is {a} similar to {b}?", "Are {a} and {b} similar?", "Give me the Tanimoto coefficient of {a} and {b}.",
           "Calculate the Tanimoto index for {a} and {b}.", "Please compare {a} with {b}.", "How much does {a} resemble {b}?",
           "Tell me how similar {a} is to {b}.", "What Tanimoto score do {a} and {b} have?", "Morgan fingerprint similarity of {a} and {b}?",
           "I want the similarity of {a} and {b}.", "Could you compute the Tanimoto similarity between {a} and {b}?",
           "Find the structural similarity of {a} to {b}.", "Rate the similarity of {a} and {b}.", "{a} vs {b}: how similar?",
           "{a} and {b}: similarity?", "Fingerprint similarity for {a} and {b}", "How related are {a} and {b}?",
           "Do {a} and {b} look alike?", "Determine how similar {a} and {b} are."]
MASS_OF = ["What is the mass of {v} mol of {m}?", "How many grams are {v} mol of {m}?", "How much do {v} mol of {m} weigh?",
           "How many grams is {v} mol of {m}?", "How much does {v} mol of {m} weigh?", "Mass of {v} mol of {m}?", "mass of {v} moles of {m}",
           "I need {v} mol of {m}. How many grams is that?", "Calculate the mass of {v} mol {m}.", "How many g do I weigh out for {v} mol of {m}?",
           "How much {m} do I need for {v} mol?", "What do {v} moles of {m} weigh in grams?", "Give the mass in grams of {v} mol of {m}.",
           "Convert {v} mol of {m} to grams.", "Please work out the weight of {v} moles of {m}.", "{v} mol of {m} in grams",
           "Tell me the mass of {v} moles of {m}.", "Find the mass of {v} mol of {m}.", "For {v} mol of {m}, how many grams do I need?",
           "What mass corresponds to {v} mol of {m}?", "I want to weigh out {v} mol of {m}. What mass is it?",
           "Could you tell me how many grams {v} mol of {m} is?", "Compute the grams in {v} moles of {m}."]
MOLES_IN = ["How many moles are {v} g of {m}?", "How many mol are in {v} g of {m}?", "How many moles is {v} g of {m}?",
            "Convert {v} g of {m} to moles.", "I have {v} g of {m}. How many moles is that?", "{v} g of {m} in mol",
            "What amount in mol is {v} g of {m}?", "Calculate the moles in {v} g of {m}.", "Amount of substance of {v} g of {m}?",
            "How many mol of {m} are {v} grams?", "Find the number of moles in {v} grams of {m}.", "Give me the moles for {v} g {m}.",
            "Please compute how many moles {v} g of {m} contains.", "What is {v} g of {m} in moles?", "Tell me how many moles are in {v} grams of {m}.",
            "Number of moles in {v} g of {m}?", "I weighed {v} g of {m}. How many mol do I have?"]
CALC = ["What is {e}?", "What's {e}?", "Calculate {e}.", "Calculate {e}", "Compute {e}.", "Compute {e}", "{e}", "{e}?", "{e} = ?", "{e} =",
        "How much is {e}?", "Evaluate {e}.", "Work out {e}.", "Please calculate {e}.", "Can you compute {e}?", "Could you work out {e}?",
        "Tell me what {e} is.", "Give me the result of {e}.", "What does {e} give?", "What do I get for {e}?", "Solve {e}.", "I need {e}.",
        "Result of {e}?", "Hey, what is {e}?", "Quickly: {e}", "What is the value of {e}?", "Find {e}.", "Please evaluate {e}", "Do the math: {e}",
        "Can you tell me what {e} is?", "Determine {e}.", "Figure out {e}.", "I'd like to know {e}.", "What is the result of {e}?"]
CONVERT = ["Convert {v} {f} to {t}.", "Convert {v} {f} into {t}.", "convert {v} {f} to {t}", "How many {t} are {v} {f}?", "How many {t} is {v} {f}?",
           "What is {v} {f} in {t}?", "What's {v} {f} in {t}?", "{v} {f} in {t}", "{v} {f} to {t}", "{v} {f} in {t}?", "Express {v} {f} in {t}.",
           "Change {v} {f} to {t}.", "Turn {v} {f} into {t}.", "How much is {v} {f} in {t}?", "Please convert {v} {f} to {t}.",
           "Can you convert {v} {f} to {t}?", "Could you convert {v} {f} into {t}?", "Tell me {v} {f} in {t}.", "Give {v} {f} in {t}.",
           "I have {v} {f}. What is that in {t}?", "I need {v} {f} in {t}.", "What do {v} {f} make in {t}?", "Show {v} {f} as {t}.",
           "Write {v} {f} in {t}.", "How many {t} are there in {v} {f}?", "How many {t} correspond to {v} {f}?", "{v} {f} equals how many {t}?",
           "If I have {v} {f}, how many {t} is that?", "Transform {v} {f} to {t}.", "{v} {f} -> {t}", "Calculate {v} {f} in {t}.",
           "Work out how many {t} {v} {f} is.", "Recalculate {v} {f} in {t}.", "I'd like {v} {f} in {t}, please."]
NOW = ["What time is it?", "What time is it now?", "What is the time?", "Tell me the time.", "What's the time, please?", "What is the current time?",
       "What date is it?", "What is the date today?", "What day is it today?", "What's today's date?", "Which date do we have?", "current time",
       "Time, please.", "time now?", "Give me the current date and time.", "Can you tell me the time?", "Could you tell me what time it is?",
       "Do you know what time it is?", "Do you know the date?", "Please tell me the date.", "What is the UTC time?", "Date and time?",
       "Show the current time.", "I need the current time.", "What year is it?", "Which month is it?", "How late is it?", "What is the time in UTC?",
       "Check the clock.", "What does the clock say?", "Tell me today's date.", "Say the time.", "Now?", "What is the date and time right now?",
       "Look at the clock, please.", "Is it late?", "date", "I want to know the time.", "Please give me a timestamp.", "What's the timestamp now?"]

GREET = {
    "Hello! How can I help you?": ["Hello", "Hello!", "Hi", "Hi!", "Hi there", "Hey", "Hey there!", "Good morning", "Good morning!", "Good evening.",
                                   "Good afternoon", "Hello there.", "Hi, how are you?", "Hey corax", "Hello raven!", "Howdy", "Greetings.",
                                   "How are you?", "Hello, are you there?", "Good day!", "hi", "hello", "Nice to meet you.", "How is it going?"],
    "You are welcome.": ["Thanks", "Thanks!", "Thank you", "Thank you!", "Thank you very much.", "Thanks a lot!", "Great, thanks.", "Cheers", "Many thanks!",
                         "thanks", "Perfect, thank you.", "That helps, thanks.", "Nice, thank you!", "Thanks for your help.", "Good job, thanks."],
    "Goodbye!": ["Bye", "Bye!", "Goodbye", "Goodbye.", "See you later.", "See you", "Good night", "bye bye", "Farewell.", "That is all, bye.",
                 "Until tomorrow!", "I have to go now."],
    "I am corax-raven, a small language model that works with tools: I can look up properties of molecules, calculate, convert units, search text, run Python and tell the time.":
        ["Who are you?", "What are you?", "What can you do?", "What can you do for me?", "How can you help me?", "What is your name?",
         "Tell me about yourself.", "Introduce yourself.", "Are you a robot?", "Are you a language model?", "What do you know?", "Help",
         "help me", "What are your skills?", "Which tools do you have?", "What tools can you use?", "Who made you?", "What is corax?",
         "Describe yourself.", "What are you able to do?", "How do you work?", "What should I ask you?", "Which questions can you answer?"],
}
NO_TOOL_ANSWER = "Sorry, I have no tool for that."
PLACES = ["Paris", "Berlin", "Tokyo", "London", "Rome", "Madrid", "Vienna", "Oslo", "Prague", "Lisbon", "Boston", "Chicago", "Cairo", "Delhi",
          "Lima", "Sydney", "Toronto", "Zurich", "Dublin", "Athens", "Munich", "Hamburg", "New York", "Warsaw", "Seoul", "Kyoto", "Havana"]
THINGS = ["a pizza", "a book", "two tickets", "a taxi", "flowers", "a new phone", "a hotel room", "coffee", "shoes", "a laptop", "a bicycle", "a cake"]
TOPICS = ["love", "the sea", "a raven", "autumn", "my cat", "football", "history", "music", "politics", "the moon", "a dragon", "gardening", "jazz",
          "the Roman Empire", "chess", "philosophy", "cooking", "space travel", "painting", "poetry"]
NO_TOOL = ["What is the weather in {place}?", "Will it rain in {place} tomorrow?", "How warm is it in {place}?", "Is it sunny in {place}?",
           "Book a flight to {place}.", "Find me a hotel in {place}.", "How far is it to {place}?", "How do I get to {place} by train?",
           "Order {thing} for me.", "Buy {thing}.", "Where can I buy {thing}?", "What does {thing} cost?", "Please reserve {thing}.",
           "Write a poem about {topic}.", "Tell me a joke about {topic}.", "Write an essay about {topic}.", "Who wrote the best book about {topic}?",
           "Explain {topic} to me.", "Translate this sentence about {topic} into French.", "What is the news about {topic}?",
           "Send an email to my boss about {topic}.", "Play a song about {topic}.", "Draw a picture of {topic}.", "Call my mother.",
           "Set an alarm for seven.", "Remind me to buy {thing}.", "Who is the president of France?", "What is the capital of Spain?",
           "Who won the game in {place}?", "What is the population of {place}?", "Which restaurants are good in {place}?", "Open the door.",
           "Turn on the lights.", "Read my emails.", "Delete all my files.", "Show me a map of {place}.", "What is the stock price of Apple?",
           "Summarize the news from {place}.", "Which movie should I watch?", "Tell me a story about {topic}.", "Sing something about {topic}.",
           "Find a video about {topic}.", "Post something about {topic}.", "How do I learn about {topic}?", "What do you think about {topic}?",
           "Give me a recipe for dinner.", "Recommend a doctor in {place}.", "What is on TV tonight?", "Print a document about {topic}."]

UNIT_WORDS = {
    "kg": ["kilograms", "kilogram", "kilos"], "g": ["grams", "gram"], "mg": ["milligrams", "milligram"], "ug": ["micrograms", "µg"],
    "t": ["tonnes", "tons", "metric tons"], "lb": ["pounds", "lbs"], "oz": ["ounces", "ounce"], "m": ["meters", "metres"],
    "km": ["kilometers", "kilometres"], "cm": ["centimeters", "centimetres"], "mm": ["millimeters", "millimetres"],
    "um": ["micrometers", "µm", "microns"], "nm": ["nanometers", "nanometres"], "in": ["inches", "inch"], "ft": ["feet", "foot"],
    "mi": ["miles", "mile"], "L": ["liters", "litres"], "mL": ["milliliters", "millilitres", "ml"], "uL": ["microliters", "µL"],
    "m3": ["cubic meters", "cubic metres"], "gal": ["gallons", "gallon"], "s": ["seconds", "sec"], "min": ["minutes"], "h": ["hours", "hrs"],
    "d": ["days"], "ms": ["milliseconds"], "C": ["degrees Celsius", "Celsius", "°C"], "F": ["degrees Fahrenheit", "Fahrenheit", "°F"],
    "K": ["kelvin", "Kelvin"], "J": ["joules"], "kJ": ["kilojoules"], "cal": ["calories"], "kcal": ["kilocalories"], "eV": ["electron volts", "electronvolts"],
    "Pa": ["pascals", "pascal"], "kPa": ["kilopascals"], "bar": ["bars"], "atm": ["atmospheres"], "mmHg": ["millimeters of mercury"],
    "psi": ["pounds per square inch"], "mol": ["moles"], "mmol": ["millimoles"], "umol": ["micromoles", "µmol"],
}
ODD_UNITS = ["stone", "furlongs", "fathoms", "cups", "barrels", "carats", "grains", "parsecs", "yards", "quarts", "pints", "fortnights", "knots",
             "acres", "hectares", "drams", "bushels", "spoons", "horsepower", "lumens", "leagues", "cubits", "slugs", "teaspoons"]

# {q} is what to look for, {w} where people think it is.
SEARCH = ["Search the {w} for {q}.", "Search the {w} for {q}", "Search for {q} in the {w}.", "Search {w} for {q}", "Search for {q}.", "search {q}", "Search: {q}",
          "search the {w}: {q}", "What do the {w} say about {q}?", "What do our {w} say about {q}?", "What is written in the {w} about {q}?",
          "What is written about {q} in the {w}?", "Find where {q} is mentioned.", "Find where {q} is mentioned in the {w}.", "Where is {q} mentioned?",
          "Where is {q} mentioned in the {w}?", "Where do the {w} mention {q}?", "Which file mentions {q}?", "Which of the {w} mentions {q}?",
          "In which file is {q} described?", "Where can I read about {q} in the {w}?", "Look up {q} in the {w}.", "Look for {q} in the {w}.",
          "Look in the {w} for {q}.", "Look through the {w} for {q}.", "Find {q} in the {w}.", "Find the line about {q} in the {w}.",
          "Find what the {w} say about {q}.", "Find the place in the {w} about {q}.", "Find a note about {q}.", "Is there anything in the {w} about {q}?",
          "Is there a line about {q} in the {w}?", "Do the {w} mention {q}?", "Do the {w} say anything about {q}?", "Do we have anything in the {w} on {q}?",
          "Check the {w} for {q}.", "Check what the {w} say about {q}.", "Please search the {w} for {q}.", "Please look up {q} in the {w}.",
          "Can you search the {w} for {q}?", "Can you find {q} in the {w}?", "Could you look up {q} in the {w}?", "Could you search for {q}?",
          "I need to know what the {w} say about {q}.", "I am looking for {q} in the {w}.", "Show me where {q} is mentioned.",
          "Show me the line about {q} in the {w}.", "Show me what the {w} say about {q}.", "Tell me what the {w} say about {q}.",
          "Tell me where {q} is described in the {w}.", "According to the {w}, what about {q}?", "Quote the {w} on {q}.", "Quote the line about {q}.",
          'Search the {w} for "{q}".', 'Where does "{q}" occur?', 'Where does "{q}" occur in the {w}?', 'Find "{q}" in the {w}.', "Which line has {q}?",
          "Which line of the {w} mentions {q}?", "Go through the {w} and find {q}.", "Use search to find {q}", "Use search for {q}", "Use search with query {q}",
          "Read up on {q} in the {w}.", "Scan the {w} for {q}.", "Grep the {w} for {q}.", "Is {q} mentioned anywhere in the {w}?",
          "Does any file mention {q}?", "Hey, what do the {w} say about {q}?", "{q}: what do the {w} say?", "Anything about {q} in the {w}?"]
WHERE = ["docs", "docs", "notes", "notes", "documents", "files", "lab notes", "manuals", "documentation", "wiki", "protocols", "handbooks", "papers", "reports", "texts",
         "project notes", "memos", "guides"]
# {v} is what a line gives a value for
LOOKUP_CONVERT = ["Look up the {q} in the {w} and convert it to {t}.", "Find the {q} in the {w} and convert it to {t}.", "Search the {w} for the {q} and convert it to {t}.",
                  "Search for the {q} and give it in {t}.", "What is the {q} in the {w}, in {t}?", "Take the {q} from the {w} and convert it into {t}.",
                  "Find the {q} in the {w}. How much is that in {t}?", "Search the {w} for the {q}, then convert it to {t}.", "Look for the {q} in the {w} and express it in {t}.",
                  "Please look up the {q} in the {w} and convert it into {t}.", "Check the {w} for the {q} and convert it to {t}.", "According to the {w}, how many {t} is the {q}?"]
LOOKUP_CALC = ["Look up the {q} in the {w} and {x}.", "Find the {q} in the {w} and {x}.", "Search the {w} for the {q} and {x}.", "Search for the {q}, then {x}.",
               "Take the {q} from the {w} and {x}.", "Find the {q} in the {w}, then {x}.", "Please look up the {q} in the {w} and {x}.", "Get the {q} from the {w} and {x}.",
               "Check the {w} for the {q} and {x}.", "Look for the {q} in the {w}, and {x}."]
LOOKUP_SMILES = ["Look up the SMILES of {n} in the {w} and give me its {P}.", "Search the {w} for the SMILES of {n} and compute the {P}.",
                 "Find the SMILES of {n} in the {w} and give its {P}.", "Search for the SMILES of {n}, then tell me the {P}.", "The SMILES of {n} is in the {w}. What is its {P}?",
                 "Take the SMILES of {n} from the {w} and calculate the {P}.", "Look for the SMILES of {n} in the {w}. What is the {P}?",
                 "Please find the SMILES of {n} in the {w} and compute its {P}.", "Get the SMILES of {n} from the {w} and work out its {P}.",
                 "Check the {w} for the SMILES of {n}, then give me the {P}.", "With the SMILES of {n} from the {w}, what is its {P}?"]
QUANTITIES = {
    "mass": ["sample weight", "tablet mass", "daily dose", "filter load", "salt content", "parcel weight", "dry weight", "catalyst charge"],
    "length": ["column length", "cable length", "bench height", "path length", "pore size", "pipe diameter", "wire gauge", "fence length"],
    "volume": ["flask volume", "tank capacity", "injection volume", "dead volume", "loop volume", "buffer volume", "daily water use"],
    "time": ["reflux time", "drying time", "retention time", "reaction time", "half-life", "shift length", "settling time", "warm-up time"],
    "temperature": ["reaction temperature", "boiling point", "melting point", "oven temperature", "storage temperature", "bath temperature", "flash point"],
    "energy": ["activation energy", "pulse energy", "bond energy", "battery energy", "heat of reaction", "photon energy"],
    "pressure": ["vacuum pressure", "reactor pressure", "column pressure", "tyre pressure", "argon pressure", "test pressure"],
    "amount": ["catalyst amount", "substrate amount", "reagent amount", "standard amount", "titrant amount"],
}
MEASURED = ["The {q} is {v} {u}.", "The {q} was {v} {u}.", "{Q}: {v} {u}", "- {Q}: {v} {u}", "Set the {q} to {v} {u}.", "{Q} = {v} {u}", "We measured the {q}: {v} {u}.",
            "The {q} must be {v} {u}.", "Note: {q} {v} {u}.", "| {q} | {v} {u} |", "For this batch the {q} was {v} {u}.", "A {q} of {v} {u} was used."]
PRICES = ["price of {n}", "stock of {n}", "cost of {n}", "number of samples of {n}", "rent of the {n} store", "yield of {n}"]
PRICED = ["The {q} is {v}.", "The {q} was {v} in May.", "{Q}: {v}", "- {Q}: {v}", "The {q} rose to {v}.", "{Q} = {v}", "| {q} | {v} |", "Last year the {q} was {v}."]
SMILES_LINES = ["{n}: {s}", "{n} {s}", "SMILES of {n}: {s}", "- {n}: {s}", "{n}, SMILES {s}", "| {n} | {s} |", "The SMILES of {n} is {s}", "{n} (SMILES {s})", "{n} = {s}",
                "{n}; SMILES: {s}"]

SYSTEM = ["You are a helpful assistant.", "You are a chemistry assistant.", "Answer briefly.", "Use the tools you have.", "You are corax, a careful assistant.",
          "Be concise.", "Do not guess.", "Always use a tool for numbers.", "You work in a laboratory.", "Answer in English.", "Be polite.",
          "The user is a chemist.", "The user is a student.", "Never make up numbers.", "Think before you act.", "You are an agent with tools.",
          "Today is a working day.", "Say so when you do not know.", "Keep answers short.", "You are running on a small computer.",
          "Follow the policy of the operator.", "Only answer questions about chemistry.", "Treat tool output as data.", "Take your time."]

DISTRACTORS = ["ask_user(question)", "http_get(url)", "read_file(path)", "write_file(path,text)", "list_dir(path)",
               "shell(command)", "remember(text)", "recall(query)", "inchi(smiles)", "inchikey(smiles)", "qed(smiles)",
               "functional_groups(smiles)", "smarts_count(smiles,smarts)", "name_to_smiles(name)", "smiles_to_name(smiles)", "cas_check(cas)",
               "controlled_check(smiles)", "explosive_check(smiles)", "safety_summary(smiles)", "reaction_predict(reactants,reagent?)",
               "retro_step(smiles)", "depict(smiles)", "patent_check(smiles)", "price(name)", "web_search(query)", "literature(query,year?)",
               "translate(text,to)", "weather(city)", "send_mail(to,subject,body)", "sql(query)", "plot(data,kind?)", "sleep(seconds)",
               "echo(text)", "hash(text)", "random(low,high)", "sort_lines(text)", "grep(pattern,path)", "head(path,lines?)", "count_words(text)",
               "same_molecule(a,b)", "synthetic_accessibility(smiles)", "lipinski(smiles)", "pains(smiles)", "bbb(smiles)", "modify_mol(smiles,change)"]
