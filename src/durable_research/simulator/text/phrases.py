"""The fixed phrases of demo reports: the form of a report, without claims about the world."""

DEMO_NOTE = "This is demonstration text written by a simulator: it is not research, and every figure in it is invented."

SUMMARIES = (
    "Three observations recur whenever {topic} is discussed: the terms are used loosely, the evidence is uneven, and "
    "the practical consequences depend more on circumstances than on theory.",
    "Seen from a distance, {topic} looks like a single question. Seen from close by it splits into several smaller "
    "ones, some of which have settled answers while others are still open.",
    "The brief answer on {topic} is that it depends; the long answer, sketched below, is an attempt to say on what "
    "exactly, and how one would find out.",
    "Much of what is said about {topic} rests on a few often repeated examples. This text separates what such examples "
    "show from what they only suggest.",
)

BACKGROUND = (
    "Early treatments concentrated on description. They collected cases, gave names to them and argued about the "
    "borders between the names. Only later did measurement become the rule, and with it the habit of asking how large "
    "an effect is rather than whether it exists at all.",
    "The vocabulary deserves a moment of care. Words that are *synonyms in conversation* are kept apart in technical "
    "writing, because they answer different questions: what happens, how often it happens, and what would have "
    "happened otherwise.",
    "It helps to distinguish **mechanism**, **measurement** and **meaning**. A mechanism may be understood long before "
    "it can be measured, and a measurement may be precise long before anybody agrees on what it means.",
    "Two traditions meet here. One starts from first principles and works towards the particular case; the other "
    "starts from records kept for quite different purposes and works backwards. They agree more often than their "
    "footnotes suggest.",
    "Sources differ in age, in method and in candour. Where they disagree, the difference can usually be traced to the "
    "choice of a baseline, which is why every comparison below names its own.",
)

FINDINGS = (
    "The figures point in one direction, though not with one voice. Larger samples show smaller effects, as one would "
    "expect when early reports were selected for being striking.",
    "What stands out is not the average but the spread. Two cases with the same average can differ so much in their "
    "extremes that advice which suits the one would harm the other.",
    "A simple model explains most of the variation, and the rest resists explanation stubbornly. Adding more variables "
    "improves the fit on paper and leaves the prediction of new cases where it was.",
    "Delay matters more than size. Effects that arrive quickly are noticed and corrected; those that arrive slowly are "
    "absorbed into what everyone considers normal.",
    "Repetition changes the picture: the second measurement of the same thing is, on the whole, duller than the first, "
    "and more useful.",
)

CAUTIOUS_READINGS = (
    "A cautious reader will note that every comparison here has two ends, and that only one of them was measured with "
    "care. On this reading the safest statement is a negative one: nothing in the material contradicts the simplest "
    "account, and nothing in it demands a more elaborate one.",
    "Read with caution, the material shows that an effect is possible, not that it is typical. The cases were chosen "
    "because they were at hand, and what is at hand is seldom a fair sample of what exists. A second collection, made "
    "by other people for other reasons, would be worth more than any refinement of the first.",
    "The careful reading begins with what is missing. Nobody recorded the attempts that came to nothing, nor how long "
    "the successful ones took to prepare. Until both are known, the apparent advantage may simply be the price of "
    "preparation paid by somebody else.",
)

BOLD_READINGS = (
    "A bolder reader will answer that waiting is a decision too. The same direction appears in every row of the "
    "table, and coincidence is a poor explanation for agreement that nobody arranged. If the effect is real, the cost "
    "of acting late exceeds the cost of acting on an estimate that is later revised.",
    "Read boldly, the table describes a mechanism rather than a coincidence: what strengthens the cause strengthens "
    "the effect, and what removes the cause removes most of it. The remainder can be explained by delay, for causes "
    "work on long after they have ceased to be visible.",
    "The confident reading points to repetition. The same result was obtained by people who did not know of each "
    "other, with instruments that share no part. Agreement of that kind is rare, and it is the nearest thing to proof "
    "that a field without laboratories can offer.",
)

STEPS = (
    "State the question so that two people would recognise the same answer.",
    "Write down what would count as a surprise before looking at the data.",
    "Measure the baseline first, and measure it more than once.",
    "Change one thing at a time, and keep a record of what was left alone.",
    "Look at the extremes before looking at the average.",
    "Repeat the measurement with somebody who hopes for the opposite result.",
    "Publish the negative result with the same care as the positive one.",
)

POINTS = (
    "**Scope:** conclusions hold for the cases examined and should not be stretched beyond them.",
    "**Cost:** the cheapest option is rarely the one with the lowest price.",
    "**Timing:** a good decision late is often worth less than a fair one in time.",
    "**Reversibility:** prefer the step that can be taken back.",
    "**Evidence:** one careful comparison outweighs many impressions.",
    "**Attention:** what is watched improves; what is not watched drifts.",
    "**Margins:** leave room for the error nobody has thought of.",
)

CAUTIONS = (
    "None of this should be read as advice. The limits of the material are the limits of the conclusion, and the "
    "material here was made up on purpose.",
    "Three things would change this picture: a longer record, an independent repetition, and a definition on which "
    "both sides could agree beforehand.",
    "What remains open is mostly a matter of patience. The instruments exist, the questions are clear, and nobody has "
    "yet waited long enough.",
    "A reader in a hurry may take away one point: uncertainty that is written down is worth more than confidence that "
    "is not.",
)

ROWS = ("Baseline", "Small change", "Large change", "Repeated", "Reversed", "Long term", "Control group")

SOURCES = (
    ("A primer on asking answerable questions", "https://example.org/primer/questions"),
    ("Notes on baselines and other comparisons", "https://example.org/notes/baselines"),
    ("The handbook of invented figures", "https://example.com/handbook/figures?edition=3"),
    ("Slow effects, and why they are missed", "https://example.net/essays/slow-effects"),
    ("Records kept for other purposes", "https://example.org/archive/records#method"),
    ("On the virtue of repetition", "https://example.com/essays/repetition"),
)

CODE = (
    (
        "python",
        "def spread(values: list[float]) -> float:\n"
        '    """The distance between the extremes, which averages hide."""\n'
        "    return max(values) - min(values)\n\n\n"
        "print(spread([{a}, {b}, {c}]))",
    ),
    (
        "sql",
        "SELECT cohort, count(*) AS cases, avg(effect) AS mean_effect\n"
        "FROM observations\n"
        "WHERE year >= 20{a} AND effect < {b}{c}\n"
        "GROUP BY cohort\n"
        "ORDER BY mean_effect DESC;",
    ),
    (
        "python",
        "baseline = [{a}, {b}, {c}]\n"
        "observed = [value * 1.1 for value in baseline]\n"
        "effect = sum(observed) / sum(baseline) - 1\n"
        'print(f"{{effect:.1%}}")',
    ),
)

# Words that can be checked in a dictionary: research, question, answer, time, source.
SCRIPTS: dict[str, tuple[str, ...]] = {
    "Chinese": ("研究", "问题", "答案", "时间", "来源"),
    "Japanese": ("けんきゅう", "質問", "こたえ", "時間", "データ"),
    "Korean": ("연구", "질문", "대답", "시간", "출처"),
    "Arabic": ("بحث", "سؤال", "جواب", "وقت", "مصدر"),
    "Hebrew": ("מחקר", "שאלה", "תשובה", "זמן", "מקור"),
    "Cyrillic": ("исследование", "вопрос", "ответ", "время", "источник"),
    "Greek": ("έρευνα", "ερώτηση", "απάντηση", "χρόνος", "πηγή"),
}
