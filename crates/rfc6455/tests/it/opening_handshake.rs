//! The heads of the opening handshake, and the rules for both sides.

use rfc6455::handshake::{
    BadAnswer, MalformedHead, Refusal, RequestHead, ResponseHead, accept,
    check_request, check_response,
};

const REQUEST: &str = "GET /ws HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    upgrade: WebSocket\r\n\
    connection: upgrade\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn request(text: &str) -> Result<RequestHead, MalformedHead> {
    let head = RequestHead::decode(text.as_bytes())?;
    Ok(head.expect("a complete head").0)
}

fn response(text: &str) -> Result<ResponseHead, MalformedHead> {
    let head = ResponseHead::decode(text.as_bytes())?;
    Ok(head.expect("a complete head").0)
}

#[test]
fn the_key_of_section_1_3_has_its_accept_value() {
    let expected = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), expected);
    let head = request(REQUEST).expect("a request head");
    assert_eq!(check_request(&head).as_deref(), Ok(expected));
}

#[test]
fn each_rule_for_the_request_has_its_refusal() {
    let cases = [
        ("GET", "POST", Refusal::Method),
        ("HTTP/1.1", "HTTP/1.0", Refusal::HttpVersion),
        ("HTTP/1.1", "HTTP/0.9", Refusal::HttpVersion),
        ("Host: localhost\r\n", "", Refusal::Host),
        ("Host: localhost", "Host: a\r\nHost: b", Refusal::Host),
        (": websocket", ": websocketx", Refusal::Upgrade),
        (", Upgrade", ", notupgrade", Refusal::Connection),
        ("ZQ==", "ZQ", Refusal::Key),
        ("dGhl", "", Refusal::Key),
        ("Version: 13", "Version: 8", Refusal::Version),
        ("Version: 13", "Version: 013", Refusal::Version),
    ];
    for (from, to, refusal) in cases {
        assert!(REQUEST.contains(from));
        let head = request(&REQUEST.replace(from, to)).expect("a head");
        assert_eq!(check_request(&head), Err(refusal), "{from} -> {to}");
    }
}

#[test]
fn lists_go_over_several_lines_and_skip_empty_elements() {
    let text = REQUEST.replace(
        "Connection: keep-alive, Upgrade",
        "Connection: ,keep-alive,\r\nConnection: , UPGRADE ,",
    );
    let head = request(&text).expect("a request head");
    assert!(check_request(&head).is_ok());
}

#[test]
fn each_rule_for_the_response_has_its_error() {
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let good = response(RESPONSE).expect("a response head");
    assert_eq!(check_response(&good, key), Ok(()));
    let accept = |got: &str| BadAnswer::Accept {
        expected: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(),
        got: got.into(),
    };
    let cases = [
        (" 101 ", " 200 ", BadAnswer::Status(200)),
        (
            "HTTP/1.1",
            "HTTP/1.0",
            BadAnswer::HttpVersion("HTTP/1.0".into()),
        ),
        ("WebSocket", "websocket, foo", BadAnswer::Upgrade),
        (
            "connection: upgrade",
            "connection: close",
            BadAnswer::Connection,
        ),
        ("s3pP", "S3pP", accept("S3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
        ("sec-websocket-accept", "x", accept("")),
    ];
    for (from, to, expected) in cases {
        let head = response(&RESPONSE.replace(from, to)).expect("a head");
        assert_eq!(check_response(&head, key), Err(expected));
    }
}

#[test]
fn a_head_is_read_however_it_is_cut() {
    for end in 0..RESPONSE.len() {
        let part = &RESPONSE.as_bytes()[..end];
        assert_eq!(ResponseHead::decode(part), Ok(None), "cut at {end}");
    }
    let followed = format!("{RESPONSE}\u{81}\0");
    let (_, length) = ResponseHead::decode(followed.as_bytes())
        .expect("a response head")
        .expect("a complete head");
    assert_eq!(length, RESPONSE.len());
}

#[test]
fn another_protocol_is_known_at_its_first_octets() {
    for text in ["SSH-2.0-OpenSSH", "\0\0\x06\x04", "H\n", "220 ready\r\n"] {
        let head = ResponseHead::decode(text.as_bytes());
        assert!(matches!(head, Err(MalformedHead::StartLine(_))), "{text:?}");
    }
}

#[test]
fn a_malformed_field_is_named() {
    let line = |text: &str| text.to_owned();
    let cases = [
        (
            "Upgrade : websocket",
            MalformedHead::FieldLine as fn(_) -> _,
        ),
        ("no colon", MalformedHead::FieldLine),
        (": nameless", MalformedHead::FieldLine),
        (" folded: a", MalformedHead::Folded),
        ("X: a\rb", MalformedHead::ControlOctet),
        ("X: a\0b", MalformedHead::ControlOctet),
    ];
    for (bad, error) in cases {
        let text = REQUEST.replace("Host: localhost", bad);
        assert_eq!(request(&text), Err(error(line(bad))));
    }
}
