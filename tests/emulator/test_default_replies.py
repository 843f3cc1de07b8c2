"""Default answers are deterministic, and right where no model is needed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from qwen_emulator import Emulator, Reply, ToolCall
from qwen_emulator.conversation import read_conversation
from qwen_emulator.default_replies import answer

QA = """Context information is below.
---------------------
file_path: notes.txt

Ada Lovelace was born in 1815 in London. She wrote the first program for the Analytical Engine in 1843.

Bananas are yellow. The Analytical Engine was designed by Charles Babbage.
---------------------
Given the context information and not prior knowledge, answer the query.
Query: {question}
Answer: """
REFINE = """The original query is as follows: {question}
We have provided an existing answer: {old}
We have the opportunity to refine the existing answer (only if needed) with some more context below.
------------
{context}
------------
Given the new context, refine the original answer to better answer the query. If the context isn't useful, return \
the original answer.
Refined Answer: """
CONDENSE = """Given a conversation (between Human and Assistant) and a follow up message from Human, rewrite the \
message to be a standalone question that captures all relevant context from the conversation.

<Chat History>
user: What is Qwen Max?
assistant: A large model.

<Follow Up Message>
How much does it cost?

<Standalone question>
"""


def ask(*turns: str | dict[str, Any], model: str = "qwen-plus", **parameters: Any) -> Reply:
    messages = [{"role": "user", "content": turn} if isinstance(turn, str) else turn for turn in turns]
    return answer(read_conversation("openai", model, messages, parameters, stream=False))


def say(*turns: str | dict[str, Any], **parameters: Any) -> str:
    return str(ask(*turns, **parameters).text)


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def tool(_tool_name: str, _tool_description: str = "", **fields: str) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in fields.items()}
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": _tool_name, "description": _tool_description, "parameters": parameters}
    return {"type": "function", "function": function}


def called(*turns: str | dict[str, Any], **parameters: Any) -> list[tuple[str, Any]]:
    return [(call.name, call.arguments) for call in ask(*turns, **parameters).tool_calls]


def result(name: str, arguments: str, content: str) -> list[dict[str, Any]]:
    call = {"id": name + arguments, "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": name + arguments, "content": content},
    ]


# Questions over passages


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When was Ada Lovelace born?", "Ada Lovelace was born in 1815 in London."),
        ("Who designed the Analytical Engine?", "The Analytical Engine was designed by Charles Babbage."),
        ("What colour are bananas?", "Bananas are yellow."),
        ("What is the capital of Mongolia?", "The given context does not contain the answer."),
    ],
)
def test_llama_index_question_prompts(question: str, expected: str) -> None:
    assert say(QA.format(question=question)) == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "Answer from this context:\nThe limit is 10 rows. The sky is blue.\n\nQuestion: What is the row limit?",
        "Context: The limit is 10 rows. The sky is blue.\nQuestion: What is the limit of rows?\nHelpful Answer:",
        "Context: The sky is blue.\nThe limit is 10 rows.\n\nQ: What is the limit of rows?\nFinal answer:",
        "<context>\nThe sky is blue. The limit is 10 rows.\n</context>\n\nWhat is the limit of rows?",
    ],
)
def test_langchain_question_prompts(prompt: str) -> None:
    assert say(prompt) == "The limit is 10 rows."


def test_context_in_the_system_message() -> None:
    prompt = "Use the following retrieved context to answer the question.\n\nThe key is blue. The door is red."
    assert say(system(prompt), "What colour is the door?") == "The door is red."


def test_chinese_passages() -> None:
    context = "杭州是浙江省的省会。西湖位于杭州市的西面。长城在北京的北面。"
    assert say(f"上下文信息如下:\n{context}\n问题: 西湖在哪里?\n回答:") == "西湖位于杭州市的西面。"


def test_refining_keeps_the_better_answer() -> None:
    better = say(
        REFINE.format(question="When was Rome founded?", old="I do not know.", context="Rome was founded in 753.")
    )
    assert better == "Rome was founded in 753."
    kept = say(
        REFINE.format(question="When was Rome founded?", old="Rome was founded in 753.", context="Oslo is cold.")
    )
    assert kept == "Rome was founded in 753."


def test_condense_question_prompts_get_the_follow_up_question() -> None:
    assert say(CONDENSE) == "How much does it cost?"
    history_aware = system("Given a chat history, formulate a standalone question. Do NOT answer it.")
    turns: list[Any] = [
        "Tell me about Qwen Max.",
        {"role": "assistant", "content": "It is large."},
        "How fast is it?",
    ]
    assert say(history_aware, *turns) == "How fast is it?"


def test_router_prompt_gets_the_number_of_the_closest_choice() -> None:
    choices = (
        "Some choices are given below.\n---------------------\n(1) Useful for weather\n\n(2) Useful for prices of "
        "models\n---------------------\nUsing only the choices above and not prior knowledge, return the choice "
        "that is most relevant to the question: 'What do models cost, what are prices?'\n"
    )
    assert json.loads(say(choices))[0]["choice"] == 2


OTHER_PROMPTS = {
    "summary": "Summarize the following text:\n\nGateways route requests. Bees fly.",
    "queries": "Generate 3 search queries, one on each line.\nQuery: qwen price\nQueries:\n",
    "keywords": "Bees fly.\nExtract up to 2 keywords from the text in the format 'KEYWORDS: <keywords>'\n",
    "grade": "## Reference Answer\nBees fly\n\n## Generated Answer\nBees fly\n\nGive a score between 1 and 5.",
    "arithmetic": "What is 12 * (3 + 4)?",
}


@pytest.mark.parametrize("prompt", OTHER_PROMPTS.values(), ids=OTHER_PROMPTS)
def test_prompts_outside_the_table_get_the_scripted_reply_or_one_that_names_the_emulator(
    prompt: str, raw: Any, emulator: Emulator
) -> None:
    assert "emulator" in say(prompt)
    emulator.reply("KEYWORDS: bees, flight")
    assert raw.chat(prompt).json["choices"][0]["message"]["content"] == "KEYWORDS: bees, flight"


# Small talk


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Count to 5", "1, 2, 3, 4, 5"),
        ("Please count from 3 to 5.", "3, 4, 5"),
        ("Say hello", "hello"),
        ('Repeat after me: "the quick fox"', "the quick fox"),
        ("What is 12 * 34?", "12 * 34 = 408"),
        ("What is 7 divided by 2?", "7 / 2 = 3.5"),
        ("1加1等于几", "1 + 1 = 2"),
        ("Hello", "Hello! How can I help you today?"),
    ],
)
def test_small_tasks(question: str, expected: str) -> None:
    assert say(question) == expected


def test_what_was_said_is_remembered() -> None:
    assert "Bo" in say("My name is Bo.", {"role": "assistant", "content": "Hello Bo."}, "What is my name?")


def test_anything_else_refers_to_the_question() -> None:
    assert "meaning of life" in say("Explain the meaning of life")
    assert "人生的意义" in say("人生的意义")
    assert say("Explain the meaning of life") == say("Explain the meaning of life")


def test_absurd_sums_are_left_alone() -> None:
    assert "emulator" in say("What is 9**9**9**9?")


# Limits


def test_stop_strings_and_token_limits() -> None:
    assert say("Count to 5", stop=["4"]) == "1, 2, 3, "
    cut = ask("Count to 50", max_tokens=3)
    assert cut.finish_reason == "length"
    assert 4 <= len(str(cut.text)) <= 14
    assert ask("Count to 5", max_tokens=500).finish_reason is None


def test_max_completion_tokens_covers_the_reasoning() -> None:
    cut = ask("Count to 50", model="qwen3.8-max", max_completion_tokens=3)
    assert (cut.text, cut.finish_reason) == ("", "length")
    assert cut.reasoning


def test_a_thinking_budget_cuts_the_reasoning_only() -> None:
    cut = ask("Count to 5", model="qwen3.8-max", thinking_budget=2)
    assert len(str(cut.reasoning)) <= 10
    assert cut.text == "1, 2, 3, 4, 5"


def test_thinking_by_model_and_switch() -> None:
    assert not ask("Hi").reasoning
    assert ask("Hi", enable_thinking=True).reasoning
    assert ask("Hi", model="qwen3.8-max").reasoning
    assert not ask("Hi", model="qwen3.8-max", reasoning_effort="none").reasoning
    assert not ask("Hi", model="qwen-max", enable_thinking=True).reasoning


def test_candidates_differ() -> None:
    made = ask("Say hello", n=3)
    assert len({str(choice.text) for choice in made.choices}) == 3


def test_prefix_mode_says_only_the_rest() -> None:
    assert say("Count to 5", {"role": "assistant", "content": "1, 2, ", "partial": True}) == "3, 4, 5"


# Tools


WEATHER = tool("get_weather", "Get the current weather in a city", city="string")
TIME = tool("get_time", "Get the local time", city="string")
SUMS = [
    tool("add", "Add two numbers", a="integer", b="integer"),
    tool("multiply", "Multiply two numbers", a="integer", b="integer"),
]
CALCULATOR = tool("calculator", "Evaluate an arithmetic expression", expression="string")
HANDBOOK = tool("ask", "Answers questions on the Qwen handbook: models and prices", input="string")


@pytest.mark.parametrize(
    ("question", "tools", "expected"),
    [
        (
            "What is the value of magic_function(3)? Use the tool.",
            [tool("magic_function", "Applies a magic function to an input.", input="integer")],
            [("magic_function", {"input": 3})],
        ),
        (
            "What is the value of magic_function_no_args? Use the tool.",
            [tool("magic_function_no_args", "Calculate a magic function.")],
            [("magic_function_no_args", {})],
        ),
        ("What is the weather in San Francisco, CA?", [WEATHER], [("get_weather", {"city": "San Francisco, CA"})]),
        ("How is the weather in Rome today?", [*SUMS, WEATHER], [("get_weather", {"city": "Rome"})]),
        (
            "杭州的天气怎么样?",
            [tool("get_weather", "查询天气", city="string")],
            [("get_weather", {"city": "杭州"})],
        ),
        ("What is 3 times 4?", SUMS, [("multiply", {"a": 3, "b": 4})]),
        ("Add 4 and 9.", SUMS, [("add", {"a": 4, "b": 9})]),
        ("What is 37 * 41?", [CALCULATOR, HANDBOOK], [("calculator", {"expression": "37 * 41"})]),
        (
            "Which region is the default?",
            [CALCULATOR, HANDBOOK],
            [("ask", {"input": "Which region is the default?"})],
        ),
        ("Hello!", [HANDBOOK], []),
        (
            "Book a flight from Berlin to Paris for 2 passengers.",
            [tool("book_flight", "Book a flight", origin="string", destination="string", passengers="integer")],
            [("book_flight", {"origin": "Berlin", "destination": "Paris", "passengers": 2})],
        ),
        (
            "Write to bob@example.com: all is well",
            [tool("send_email", "Write an email to somebody and tell all", to="string", body="string")],
            [
                (
                    "send_email",
                    {"to": "bob@example.com", "body": "Write to bob@example.com: all is well"},
                )
            ],
        ),
        ("Hello, how are you?", [WEATHER], []),
        ("Tell me about Rome.", SUMS, []),
    ],
)
def test_which_tool_is_called(question: str, tools: list[Any], expected: list[Any]) -> None:
    assert called(question, tools=tools) == expected


def test_several_calls_only_where_they_are_allowed() -> None:
    question = "What is the weather in Paris, London and Rome?"
    cities = [{"city": "Paris"}, {"city": "London"}, {"city": "Rome"}]
    made = called(question, tools=[WEATHER], parallel_tool_calls=True)
    assert [arguments for _, arguments in made] == cities
    assert called(question, tools=[WEATHER]) == [("get_weather", {"city": "Paris"})]
    both = called("Call get_weather and get_time for Rome.", tools=[WEATHER, TIME], parallel_tool_calls=True)
    assert both == [("get_weather", {"city": "Rome"}), ("get_time", {"city": "Rome"})]


def test_long_results_are_answered_from() -> None:
    passages = "Beijing is the default region. " + "Other regions have hosts of their own. " * 8
    turns: list[Any] = ["Which region is the default?", *result("ask", '{"input": "x"}', passages)]
    assert say(*turns, tools=[HANDBOOK]) == "Beijing is the default region."


def test_several_steps_are_scripted(raw: Any, emulator: Emulator) -> None:
    emulator.reply(
        Reply(tool_calls=[ToolCall("add", {"a": 121, "b": 2})]),
        Reply(tool_calls=[ToolCall("multiply", {"a": 123, "b": 5})]),
    )
    turns: list[Any] = [{"role": "user", "content": "What is (121 + 2) * 5?"}]
    for name, arguments, returned in (
        ("add", '{"a": 121, "b": 2}', "123"),
        ("multiply", '{"a": 123, "b": 5}', "615"),
    ):
        message = raw.chat(turns, tools=SUMS).json["choices"][0]["message"]
        assert [call["function"] for call in message["tool_calls"]] == [{"name": name, "arguments": arguments}]
        turns += [message, {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": returned}]
    assert "615" in raw.chat(turns, tools=SUMS).json["choices"][0]["message"]["content"]


def test_a_loop_ends_even_if_the_arguments_were_changed() -> None:
    turns: list[Any] = [
        "What is the weather in Rome?",
        *result("get_weather", '{"city": "Rome, Italy"}', "24 degrees"),
    ]
    assert called(*turns, tools=[WEATHER]) == []
    assert "24 degrees" in say(*turns, tools=[WEATHER])


def test_a_new_question_may_call_again() -> None:
    turns: list[Any] = ["What is the weather in Rome?", *result("get_weather", '{"city": "Rome"}', "24 degrees"),
             {"role": "assistant", "content": "24 degrees"}, "And what is the weather in Oslo?"]  # fmt: skip
    assert called(*turns, tools=[WEATHER]) == [("get_weather", {"city": "Oslo"})]


def test_forced_and_forbidden_tools() -> None:
    forced = {"type": "function", "function": {"name": "Person"}}
    person = tool("Person", "Record a person.", name="string", age="integer")
    assert called("Erick is 27 years old.", tools=[WEATHER, person], tool_choice=forced) == [
        ("Person", {"name": "Erick", "age": 27})
    ]
    assert called("What is the weather in Rome?", tools=[WEATHER], tool_choice="none") == []


def test_a_lone_class_as_a_tool_is_called() -> None:
    joke = tool("Joke", "", setup="string", punchline="string")
    [(name, arguments)] = called("Tell me a joke about cats.", tools=[joke])
    assert name == "Joke"
    assert arguments.keys() == {"setup", "punchline"}
    assert all(arguments.values())


REACT = """You are designed to help with a variety of tasks.

## Tools
You have access to the following tools:
> Tool Name: add
Tool Description: Add two numbers and return the result
Tool Args: {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}

## Output Format
```
Thought: The current language of the user is: (user's language). I need to use a tool to help me answer.
Action: tool name (one of add) if using a tool.
Action Input: the input to the tool, in a JSON format (e.g. {"input": "hello world", "num_beams": 5})
```
"""


def test_react_prompts() -> None:
    step = say(system(REACT), "What is 7 plus 8?")
    assert "Action: add\n" in step
    assert step.endswith('Action Input: {"a": 7, "b": 8}')
    last = say(system(REACT), "What is 7 plus 8?", {"role": "assistant", "content": step}, "Observation: 15")
    assert last.startswith("Thought: ")
    assert "\nAnswer: " in last
    assert last.endswith("15")
    assert "\nAnswer: " in say(system(REACT), "Hello")
    asked = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}}}
    assert say(system(REACT), "Hello", response_format=asked) == "{}"


# Searching


def test_searching_gives_sources_and_citations() -> None:
    options = {"enable_source": True, "enable_citation": True, "citation_format": "[ref_<number>]"}
    made = ask("Say hi", enable_search=True, search_options=options)
    assert made.text == "hi[ref_1]"
    assert len(made.search_results) == 2
