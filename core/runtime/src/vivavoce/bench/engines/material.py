"""What is said in the benchmarks of single engines: replies of an agent, and a conversation of any length."""

from __future__ import annotations

from vivavoce_api import Message

REPLIES = (
    "That sounds like a long day. What was the hardest part of it for you?",
    "I can see why that stayed with you. Would you like to tell me a little more about what happened next?",
    "The train leaves at half past nine, and it takes about two hours. You should have plenty of time to change.",
    "Of course. Let's go through it step by step, and you can stop me whenever something isn't clear.",
    "Well, there are a few things that you could try. The simplest one is to go to bed at the same time every day.",
    "Yes, that's right. I've put it down for Thursday morning, so you don't have to do anything else.",
    "I don't know that for certain, but I can tell you what I would look at first if I were in your place.",
    "It's good to hear from you again! Last time we talked about your garden; how are the tomatoes doing?",
)
"""One to three spoken sentences each."""

EXCHANGES = (
    ("Hello, can you hear me?", "Hello! Yes, I can hear you well. What would you like to talk about?"),
    ("I moved to a new town last month.", "That's a big change. How do you like it there so far?"),
    ("It's nice, but I don't know anybody yet.", "That can feel lonely at first. What do you enjoy doing?"),
    ("I used to sing in a choir.", "How lovely. Have you looked for a choir near you?"),
    ("Not yet. I'm a little shy about it.", "That's easy to understand. What would make the first step easier?"),
    ("Maybe if somebody came along with me.", "A neighbour perhaps, or someone from work. Who comes to mind?"),
)
"""What was said before, a round of it; longer conversations repeat it."""

QUESTION = "There is a woman at work who likes music too. Do you think I should ask her?"


def conversation(instructions: str, exchanges: int, mark: str) -> list[Message]:
    """A conversation of so many exchanges, up to the user's newest message.

    `mark` is put before the instructions: one that was never used makes a prefix that no cache knows.
    """
    messages = [Message("system", f"({mark}) {instructions}")]
    for number in range(exchanges):
        said, answered = EXCHANGES[number % len(EXCHANGES)]
        messages += [Message("user", said), Message("assistant", answered)]
    return [*messages, Message("user", QUESTION)]
