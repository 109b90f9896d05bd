"""Server-sent events as they come over the wire."""

from durable_research.event_parser import EventParser, Message


def test_the_parser_accepts_bytes_in_any_split() -> None:
    stream = 'retry: 250\r\nid: 7\r\nevent: closed\r\ndata: {"a":\r\ndata: "é"}\r\n\r\n: alive\n\ndata: x\n\n'.encode()
    parser = EventParser()

    messages = [message for byte in stream for message in parser.feed(bytes([byte]))]

    assert messages == [Message("closed", '{"a":\n"é"}', "7"), Message(), Message("message", "x")]
    assert parser.retry_seconds == 0.25


def test_only_line_feeds_and_carriage_returns_end_lines() -> None:
    stream = 'id: 1\nevent: draft\ndata: "one\u2028event: closed\x85id: 9"\n\n'

    assert EventParser().feed(stream.encode()) == [Message("draft", '"one\u2028event: closed\x85id: 9"', "1")]


def test_an_incomplete_event_is_not_returned() -> None:
    assert EventParser().feed(b"id: 7\nevent: closed\n") == []
