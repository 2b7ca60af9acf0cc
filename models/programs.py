"""Small Python programs: ones that people paste to have them run, and wishes that a program fulfils.

Each wish is (phrases, parts, program): parts makes the values from a random generator, phrases and program take them.
Phrases in the first list say that they want Python, or get such words put around them (ASK_PYTHON); those in the second
list stand alone, since no other tool could do it.
"""

import contextlib
import io
import traceback

NOTHING = "(no output)"
WORDS = """raven level banana corax molecule python hello mississippi racecar kitten garden window yellow program silver orange letter planet bottle
street winter paper castle number violin balloon committee rotor noon madam stats island bridge coffee marble engine forest river camera
pencil basket copper rocket saddle ticket tunnel turtle velvet walnut zebra apple pear fig plum grape cherry lemon melon""".split()

RUN_THIS = ["Run this Python: {c}", "Run this Python code: {c}", "Run this code: {c}", "Execute this Python: {c}", "Execute {c}", "Run {c}", "Run: {c}",
            "run {c}", "What does {c} print?", "What does the program {c} print?", "What is the output of {c}?", "What does this print: {c}", "Python: {c}",
            "python: {c}", "Please run this Python program: {c}", "Run `{c}`", "What does `{c}` print?", "Can you run {c} for me?", "Evaluate in Python: {c}",
            "Use Python to run {c}", "Please execute the following: {c}", "Run the following Python code:\n{c}", "Run this program:\n{c}",
            "What does this program print?\n{c}", "Execute this code:\n{c}", "What is the output of this program?\n{c}", "Try this in Python: {c}",
            "Run this Python snippet: {c}", "Start this program: {c}", "Here is a program, run it: {c}", "Tell me what this prints: {c}",
            "Run with Python: {c}", "Please run {c}", "Run this script: {c}", "Run this:\n```python\n{c}\n```", "What does this code print?\n```\n{c}\n```",
            "Show the output of {c}", "Give me the output of this Python code: {c}", "I want to run this Python code: {c}", "Could you execute {c}?",
            "{c}\nRun this.", "{c}\nWhat does this print?", "Use run_python on {c}", "Call run_python with {c}"]
WITH_INPUT = ["Run {c} with the input {i}", "Run this Python with input {i}: {c}", "Run {c} with {i} on standard input.", "Execute {c} with the input \"{i}\"",
              "What does {c} print when the input is {i}?", "Give {i} as input to this program: {c}", "With stdin {i}, run {c}",
              "Run this program with the standard input {i}: {c}", "Feed {i} to {c}"]

ASK_PYTHON = ["Use Python to {x}.", "Use Python to {x}", "With Python, {x}.", "In Python, {x}.", "Write a program to {x}.", "Write a Python program to {x}.",
              "Please use Python to {x}.", "Can you use Python to {x}?", "Could you {x} with Python?", "Can you {x} with Python?", "Run Python to {x}.",
              "{X} with Python.", "{X} in Python.", "{X} using Python.", "{X} with a program.", "Let Python {x}.", "Please {x} in Python.",
              "Write and run code to {x}.", "I want to {x} with Python.", "Use a program to {x}.", "Run a Python program to {x}.", "Have Python {x}.",
              "Use code to {x}.", "Please {x} using Python.", "Write code to {x} and run it.", "By means of Python, {x}."]


def integer(r):
    return str(r.randint(2, r.choice([12, 50, 200, 1000])))


def numbers(r, low=3, high=7):
    top = r.choice([9, 20, 99, 999])
    return [str(r.randint(1, top)) for _ in range(r.randint(low, high))]


def listed(r, values):
    how = r.random()
    if how < 0.35:
        return ", ".join(values)
    if how < 0.5:
        return ",".join(values)
    if how < 0.6:
        return "[" + ", ".join(values) + "]"
    return ", ".join(values[:-1]) + " and " + values[-1]


def text(r, words=None):
    return " ".join(r.choice(WORDS) if r.random() < 0.8 else "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(r.randint(3, 8)))
                    for _ in range(words or r.choice([1, 1, 1, 2, 3])))


def quoted(r, value):
    return r.choice(['"{}"', "'{}'", "{}", "{}"]).format(value)


def one(make):
    def parts(r):
        value = make(r)
        return {"n": value}
    return parts


def some_numbers(r):
    values = numbers(r)
    return {"l": listed(r, values), "v": ",".join(values)}


def some_words(r):
    values = r.sample(WORDS, r.randint(3, 5))
    return {"l": listed(r, values), "v": " ".join(values)}


def some_text(r):
    value = text(r)
    return {"l": quoted(r, value), "v": value}


def some_sentence(r):
    value = text(r, r.randint(3, 6))
    return {"l": quoted(r, value), "v": value}


def letter_in_word(r):
    value = text(r, 1)
    return {"c": r.choice(value) if r.random() < 0.8 else r.choice("aeirst"), "l": quoted(r, value), "v": value}


def two_integers(r):
    k = r.choice([1, 2, 3, 5, 6, 7, 12])
    return {"a": str(k * r.randint(2, 200)), "b": str(k * r.randint(2, 200))}


def bits(r):
    return {"n": bin(r.randint(2, r.choice([31, 255, 4095])))[2:]}


def hexadecimal(r):
    return {"n": format(r.randint(10, r.choice([255, 4095, 65535])), r.choice("xX"))}


def date(r):
    return {"n": f"{r.randint(1950, 2035)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"}


def base_power(r):
    return {"a": str(r.randint(2, 20)), "b": str(r.randint(20, 99))}


def repeated(r):
    value = text(r, 1)
    return {"l": quoted(r, value), "v": value, "n": str(r.randint(2, 6))}


small = lambda low, high: one(lambda r: str(r.randint(low, high)))

# name: (wishes that need "with Python" around them, whole questions, values, program)
WISHES = {
    "primes": (["list the primes below {n}", "list all primes below {n}", "find the primes below {n}", "print the primes up to {n}", "show the prime numbers under {n}",
                "compute all prime numbers below {n}"],
               ["List the primes below {n}.", "Which primes are below {n}?", "What are the primes below {n}?", "Show all prime numbers under {n}.", "Primes below {n}, please."],
               small(5, 80), "print([n for n in range(2,{n}) if all(n%d for d in range(2,n))])"),
    "isprime": (["check whether {n} is prime", "test if {n} is a prime number", "find out whether {n} is prime", "tell if {n} is prime", "check if {n} is a prime"],
                ["Is {n} prime?", "Is {n} a prime number?", "Check whether {n} is prime."],
                small(2, 5000), "print({n}>1 and all({n}%d for d in range(2,{n})))"),
    "factorial": (["compute the factorial of {n}", "calculate {n} factorial", "compute {n}!", "find the factorial of {n}", "get {n} factorial", "work out the factorial of {n}"],
                  ["What is the factorial of {n}?", "Factorial of {n}?", "Compute the factorial of {n}."],
                  small(3, 30), "import math\nprint(math.factorial({n}))"),
    "fibonacci": (["print the first {n} Fibonacci numbers", "list the first {n} Fibonacci numbers", "compute {n} Fibonacci numbers", "show the first {n} numbers of the Fibonacci sequence",
                   "write out {n} Fibonacci numbers"],
                  ["What are the first {n} Fibonacci numbers?", "List the first {n} Fibonacci numbers.", "Give me the first {n} Fibonacci numbers."],
                  small(3, 20), "f=[0,1]\nwhile len(f)<{n}:\n    f.append(f[-1]+f[-2])\nprint(f)"),
    "squares_sum": (["sum the squares from 1 to {n}", "add up the squares of 1 to {n}", "compute the sum of squares up to {n}", "compute the sum of the squares from 1 to {n}",
                     "calculate the sum of squares from 1 to {n}"],
                    ["What is the sum of the squares from 1 to {n}?", "Add up the squares from 1 to {n}."],
                    small(3, 500), "print(sum(n*n for n in range(1,{n}+1)))"),
    "sum_to": (["sum the numbers from 1 to {n}", "add up all numbers from 1 to {n}", "add the integers from 1 to {n}", "compute the sum from 1 to {n}", "sum 1 to {n}"],
               ["What is the sum of all numbers from 1 to {n}?", "Add up all numbers from 1 to {n}."],
               small(5, 5000), "print(sum(range(1,{n}+1)))"),
    "squares": (["list the squares from 1 to {n}", "print the first {n} squares", "list the first {n} square numbers", "show the squares of 1 to {n}"],
                ["List the first {n} square numbers.", "What are the first {n} squares?"],
                small(3, 15), "print([n*n for n in range(1,{n}+1)])"),
    "evens": (["list the even numbers up to {n}", "print all even numbers up to {n}", "show the even numbers until {n}", "list even numbers to {n}"],
              ["List the even numbers up to {n}.", "Which even numbers are there up to {n}?"],
              small(4, 40), "print(list(range(0,{n}+1,2)))"),
    "table": (["print the multiplication table of {n}", "show the first ten multiples of {n}", "list ten multiples of {n}", "print the times table of {n}"],
              ["Show the multiplication table of {n}.", "What are the first ten multiples of {n}?"],
              small(2, 99), "print([{n}*k for k in range(1,11)])"),
    "divisors": (["list the divisors of {n}", "find all divisors of {n}", "print the divisors of {n}", "find the numbers that divide {n}"],
                 ["What are the divisors of {n}?", "List the divisors of {n}.", "Which numbers divide {n}?"],
                 small(6, 400), "print([d for d in range(1,{n}+1) if {n}%d==0])"),
    "factors": (["factorize {n}", "find the prime factors of {n}", "split {n} into prime factors", "print the prime factors of {n}", "factor {n} into primes"],
                ["What are the prime factors of {n}?", "Factorize {n}.", "Prime factors of {n}?"],
                small(6, 9999), "n,d,f={n},2,[]\nwhile n>1:\n    while n%d==0:\n        f.append(d)\n        n//=d\n    d+=1\nprint(f)"),
    "gcd": (["compute the gcd of {a} and {b}", "find the greatest common divisor of {a} and {b}", "compute the greatest common divisor of {a} and {b}", "get the gcd of {a} and {b}"],
            ["What is the gcd of {a} and {b}?", "What is the greatest common divisor of {a} and {b}?", "Greatest common divisor of {a} and {b}?"],
            two_integers, "import math\nprint(math.gcd({a},{b}))"),
    "lcm": (["compute the lcm of {a} and {b}", "find the least common multiple of {a} and {b}", "compute the least common multiple of {a} and {b}"],
            ["What is the least common multiple of {a} and {b}?", "What is the lcm of {a} and {b}?"],
            two_integers, "import math\nprint(math.lcm({a},{b}))"),
    "power": (["compute {a} to the power of {b}", "raise {a} to the power {b}", "compute {a}**{b}"], [], base_power, "print({a}**{b})"),
    "sort": (["sort {l}", "sort the numbers {l}", "put {l} in order", "sort the list {l}", "order the numbers {l}"],
             ["Sort the numbers {l}.", "Sort {l}.", "Put the numbers {l} in order."], some_numbers, "print(sorted([{v}]))"),
    "sort_down": (["sort {l} in descending order", "sort {l} from largest to smallest", "sort the numbers {l} backwards", "order {l} from high to low"],
                  ["Sort {l} in descending order.", "Sort {l} from largest to smallest."], some_numbers, "print(sorted([{v}],reverse=True))"),
    "sort_words": (["sort the words {l}", "sort the words {l} alphabetically", "put the words {l} in alphabetical order", "order the words {l}"],
                   ["Sort the words {l}.", "Sort the words {l} alphabetically."], some_words, "print(sorted('{v}'.split()))"),
    "average": (["compute the average of {l}", "average {l}", "find the mean of {l}", "compute the mean of {l}", "calculate the average of {l}", "get the mean of the numbers {l}"],
                ["What is the average of {l}?", "What is the mean of {l}?"], some_numbers, "v=[{v}]\nprint(sum(v)/len(v))"),
    "median": (["compute the median of {l}", "find the median of {l}", "get the median of the numbers {l}"],
               ["What is the median of {l}?", "Find the median of {l}."], some_numbers, "import statistics\nprint(statistics.median([{v}]))"),
    "stdev": (["compute the standard deviation of {l}", "find the standard deviation of {l}", "calculate the standard deviation of the numbers {l}"],
              ["What is the standard deviation of {l}?"], some_numbers, "import statistics\nprint(statistics.stdev([{v}]))"),
    "largest": (["find the largest of {l}", "find the maximum of {l}", "get the maximum of {l}", "print the largest of the numbers {l}"],
                ["Which is the largest of {l}?", "What is the maximum of {l}?"], some_numbers, "print(max([{v}]))"),
    "smallest": (["find the smallest of {l}", "find the minimum of {l}", "get the minimum of {l}", "print the smallest of the numbers {l}"],
                 ["Which is the smallest of {l}?", "What is the minimum of {l}?"], some_numbers, "print(min([{v}]))"),
    "total": (["add up {l}", "sum the numbers {l}", "sum the list {l}", "compute the sum of the list {l}"], ["What is the sum of the list {l}?"], some_numbers, "print(sum([{v}]))"),
    "product": (["multiply {l}", "compute the product of the list {l}", "multiply the numbers {l}"], [], some_numbers, "import math\nprint(math.prod([{v}]))"),
    "reverse": (["reverse the string {l}", "reverse {l}", "reverse the text {l}", "spell {l} backwards", "print {l} backwards", "turn {l} around"],
                ["Reverse the string {l}.", "What is {l} spelled backwards?", "Spell {l} backwards.", "Reverse the word {l}."], some_text, "print('{v}'[::-1])"),
    "palindrome": (["check whether {l} is a palindrome", "test if {l} is a palindrome", "find out if {l} is a palindrome"],
                   ["Is {l} a palindrome?", "Check whether {l} is a palindrome."], some_text, "t='{v}'\nprint(t==t[::-1])"),
    "letter": (["count the letter {c} in {l}", "count how often {c} occurs in {l}", "count the {c} in {l}", "find how many {c} are in {l}", "count the occurrences of {c} in {l}"],
               ["How many times does the letter {c} occur in {l}?", "How often does {c} occur in {l}?", "Count the letter {c} in {l}.", "How many letters {c} are in {l}?"],
               letter_in_word, "print('{v}'.count('{c}'))"),
    "length": (["count the characters of {l}", "find the length of {l}", "get the length of the string {l}", "count the letters of {l}"],
               ["How long is the string {l}?", "How many characters does {l} have?", "What is the length of the string {l}?"], some_text, "print(len('{v}'))"),
    "words": (["count the words in {l}", "count the words of {l}", "find the number of words in {l}"],
              ["How many words are in {l}?", "Count the words in {l}."], some_sentence, "print(len('{v}'.split()))"),
    "upper": (["write {l} in capitals", "turn {l} into upper case", "convert {l} to upper case", "print {l} in upper case"],
              ["Write {l} in capital letters.", "Turn {l} into upper case."], some_text, "print('{v}'.upper())"),
    "repeat": (["print {l} {n} times", "repeat {l} {n} times", "write {l} {n} times"], ["Repeat {l} {n} times.", "Print {l} {n} times."], repeated, "print(' '.join(['{v}']*{n}))"),
    "binary": (["convert {n} to binary", "write {n} in binary", "turn {n} into binary", "print {n} in base 2", "get the binary form of {n}"],
               ["What is {n} in binary?", "Convert {n} to binary.", "Write {n} in binary.", "{n} in binary"], one(integer), "print(bin({n}))"),
    "hex": (["convert {n} to hexadecimal", "write {n} in hex", "turn {n} into hex", "print {n} in base 16", "get the hex form of {n}"],
            ["What is {n} in hexadecimal?", "Convert {n} to hex.", "What is {n} in hex?", "{n} in hex"], one(integer), "print(hex({n}))"),
    "from_binary": (["convert binary {n} to decimal", "turn binary {n} into a decimal number", "convert {n} from binary", "read {n} as a binary number"],
                    ["What is binary {n} in decimal?", "Convert binary {n} to decimal."], bits, "print(int('{n}',2))"),
    "from_hex": (["convert hex {n} to decimal", "turn hex {n} into a decimal number", "convert {n} from hexadecimal", "read {n} as a hex number"],
                 ["What is hex {n} in decimal?", "Convert hex {n} to decimal."], hexadecimal, "print(int('{n}',16))"),
    "leap": (["check whether {n} is a leap year", "find out if {n} was a leap year", "test if {n} is a leap year"],
             ["Is {n} a leap year?", "Was {n} a leap year?", "Is the year {n} a leap year?"], small(1900, 2100), "import calendar\nprint(calendar.isleap({n}))"),
    "weekday": (["find the weekday of {n}", "print which day of the week {n} is", "get the day of the week of {n}"],
                ["Which weekday is {n}?", "What day of the week was {n}?", "On which weekday does {n} fall?"], date,
                "import datetime\nprint(datetime.date.fromisoformat('{n}').strftime('%A'))"),
    "digits": (["sum the digits of {n}", "add up the digits of {n}", "compute the digit sum of {n}"],
               ["What is the digit sum of {n}?", "Add up the digits of {n}."], small(100, 9999999), "print(sum(int(c) for c in '{n}'))"),
    "unique": (["remove the duplicates from {l}", "list the different numbers in {l}", "find the unique numbers of {l}"],
               ["Remove the duplicates from {l}.", "Which different numbers are in {l}?"],
               lambda r: (lambda v: {"l": listed(r, v), "v": ",".join(v)})([str(r.randint(1, 6)) for _ in range(r.randint(4, 8))]), "print(sorted(set([{v}])))"),
}


def expression(r, depth=0):
    """A numeric expression"""
    kind = r.random()
    if depth > 1 or kind < 0.3:
        return str(r.randint(0, r.choice([9, 99, 999])))
    if kind < 0.75:
        a, b = expression(r, depth + 1), expression(r, depth + 1)
        op = r.choice(["+", "-", "*", "//", "%", " + ", " * ", " - ", "/"])
        if op.strip() in ("//", "%", "/"):
            b = str(r.randint(1, 20))
        return f"({a}{op}{b})" if depth and r.random() < 0.7 else f"{a}{op}{b}"
    if kind < 0.82:
        return f"{r.randint(2, 9)}**{r.randint(2, 9)}"
    return r.choice(["sum(range({n}))", "len('{w}')", "abs(-{n})", "max({n},{m})", "min({n}, {m})", "int('{n}')", "round({n}.{m})", "ord('{l}')", "divmod({n},{k})[0]",
                     "sum([{n},{m},{k}])", "'{w}'.count('{l}')", "len([{n}, {m}])", "pow({k},{k})"]).format(
        n=r.randint(1, 99), m=r.randint(1, 99), k=r.randint(2, 9), w=r.choice(WORDS), l=r.choice("abcdeiorst"))


def name(r):
    return r.choice(["x", "y", "n", "i", "a", "b", "k", "s", "t", "total", "value", "word", "items", "data", "result", "count", "line", "num", "res", "tmp"])


def pasted(r):
    """A program to copy; most print something, a few fail"""
    q = "'" if r.random() < 0.75 else '"'
    w, w2, v, n, m, k = r.choice(WORDS), r.choice(WORDS), name(r), r.randint(1, 30), r.randint(1, 99), r.randint(2, 9)
    seq = r.choice([",", ", "]).join(numbers(r, 2, 6))
    kind = r.randrange(24)
    e = expression(r)
    if kind < 5:
        return f"print({e})"
    shapes = {
        5: f"print({q}{text(r)}{q})", 6: f"print({q}{w}{q}.{r.choice(['upper', 'title', 'capitalize', 'lower', 'swapcase'])}())",
        7: f"print({q}{w}{q}[{r.choice(['::-1', ':3', '2:', '-1', '1:4', '0'])}])", 8: f"{v}={e}\nprint({v})", 9: f"{v} = {e}\nprint({v}, {v} * {k})",
        10: f"for {v} in range({r.randint(2, 6)}):\n    print({v}{r.choice(['', '*' + str(k), ' + ' + str(m), '**2'])})",
        11: f"print([{v}{r.choice(['*2', '**2', '+' + str(m), '%3'])} for {v} in range({r.randint(2, 9)})])",
        12: f"print({r.choice(['sum', 'max', 'min', 'sorted', 'len', 'set'])}([{seq}]))",
        13: f"import math\nprint(math.{r.choice(['sqrt', 'floor', 'ceil', 'factorial'])}({n}))", 14: f"print({q}{r.choice('-, +;|')}{q}.join([{q}{w}{q}, {q}{w2}{q}]))",
        15: f"print(f{q}{w} {{{e if q not in e else n}}}{q})", 16: f"{v}=[{seq}]\n{v}.append({m})\nprint({v})", 17: f"print({q}{w}{q}, {e})",
        18: f"def f({v}):\n    return {v}{r.choice(['*', '+', '-', '**'])}{k}\nprint(f({n}))",
        19: f"{v}={{{q}{w}{q}: {n}, {q}{w2}{q}: {m}}}\nprint({v}[{q}{r.choice([w, w2])}{q}])", 20: f"if {n} > {m}:\n    print({q}{w}{q})\nelse:\n    print({q}{w2}{q})",
        21: f"{v}={n}\nwhile {v}>{k}:\n    {v}-={k}\nprint({v})", 22: f"print({q}{w} {w2} {w}{q}.{r.choice(['split()', 'replace(' + q + w + q + ',' + q + 'x' + q + ')', 'find(' + q + w2 + q + ')'])})",
        23: r.choice([f"print({m}/0)", f"print({v})", f"print(int({q}{w}{q}))", f"print([{seq}][{n + 20}])", f"{v}={n}", f"print({n}+{q}{w}{q})", f"raise ValueError({q}{w}{q})",
                      f"print({m})\nprint({n}%0)", f"import {w}", f"assert {n} > {n + k}", f"print({{}}[{q}{w}{q}])"]),
    }
    return shapes[kind]


def reads_input(r):
    """(program, what it reads)"""
    n = str(r.randint(1, 999))
    return r.choice([("print(input()[::-1])", r.choice(WORDS)), ("print(input().upper())", text(r)), ("print(int(input())*2)", n), ("print(int(input())**2)", n),
                     ("n=int(input())\nprint(n*n)", n), ("print(len(input()))", r.choice(WORDS)), ("import sys\nprint(sys.stdin.read().split())", text(r, 2)),
                     ("s=input()\nprint(s+s)", r.choice(WORDS)), ("print(sum(int(c) for c in input()))", n), ("for c in input():\n    print(c)", r.choice(WORDS)),
                     (f"print(int(input())+{r.randint(1, 99)})", n), (f"x=input()\nprint(x*{r.randint(2, 5)})", r.choice(WORDS))])


def result_of(code, stdin=""):
    """(failed, text) as run_python words it.  Only for the programs of this file: they run in this process."""
    out = io.StringIO()
    import sys
    was, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(code, "program", "exec"), {"__name__": "__main__"})
    except BaseException as e:
        last = "".join(traceback.format_exception_only(e)).strip().splitlines()[-1]
        before = out.getvalue().rstrip("\n")
        return True, f"exit status 1: {last}" + ("\n" + before if before else "")
    finally:
        sys.stdin = was
    text = out.getvalue()
    text = text[:-1] if text.endswith("\n") else text
    return False, text or NOTHING
