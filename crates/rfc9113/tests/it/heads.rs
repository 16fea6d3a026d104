//! Field sections and heads: what comes back whole, and what is malformed.

use proptest::prelude::*;
use rfc9113::hpack::Malformed;
use rfc9113::{
    Field, Frame, MalformedHead, RequestHead, ResponseHead, Rules, Section,
    Sections, Sender, Violation,
};

/// Of a CONNECT as RFC 8441 §5.1 has it.
const CONNECT: [(&str, &str); 7] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":path", "/chat"),
    (":authority", "server.example.com"),
    ("sec-websocket-version", "13"),
    ("origin", "http://www.example.com"),
];

fn fields<'a>(
    of: impl IntoIterator<Item = &'a (&'a str, &'a str)>,
) -> Vec<Field> {
    of.into_iter()
        .map(|(name, value)| Field::new(name.to_string(), value.to_string()))
        .collect()
}

/// The CONNECT with other values, or without some.
fn connect(changes: &[(&str, Option<&str>)]) -> Vec<Field> {
    let mut fields = fields(&CONNECT);
    for (name, value) in changes {
        match value {
            Some(value) => {
                for it in &mut fields {
                    if it.name == name {
                        *it = field(name, value);
                    }
                }
            }
            None => fields.retain(|field| field.name != name),
        }
    }
    fields
}

fn field(name: &str, value: &str) -> Field {
    Field::new(name.to_owned(), value.to_owned())
}

fn taken(
    frames: &[Frame],
    sections: &mut Sections,
) -> Result<Option<Section>, Violation> {
    let mut rules = Rules::new(Sender::Client);
    rules.check(&Frame::settings(&[]))?;
    let mut taken = None;
    for frame in frames {
        let payload = rules.check(frame)?;
        assert_eq!(taken, None, "nothing follows a complete section");
        taken = sections.take(frame, &payload)?;
    }
    Ok(taken)
}

#[test]
fn an_extended_connect_is_read() {
    let head = RequestHead::read(connect(&[])).expect("a head");
    assert!(head.is_extended_connect());
    assert_eq!(head.path.as_deref(), Some(&b"/chat"[..]));
    let version: Vec<_> = head.values("sec-websocket-version").collect();
    assert_eq!(version, ["13"]);
    assert_eq!(head.fields.len(), 2);
}

#[test]
fn a_malformed_request_is_told_by_its_rule() {
    let with = |name: &str, value: &str| {
        let mut fields = connect(&[]);
        fields.push(field(name, value));
        fields
    };
    let one = field;
    for (fields, malformed) in [
        (
            connect(&[(":method", None)]),
            MalformedHead::Missing(":method"),
        ),
        (
            connect(&[(":scheme", None)]),
            MalformedHead::Missing(":scheme"),
        ),
        (connect(&[(":path", None)]), MalformedHead::Missing(":path")),
        (
            connect(&[(":path", Some(""))]),
            MalformedHead::Path("".into()),
        ),
        (
            connect(&[(":path", Some("*"))]),
            MalformedHead::Path("*".into()),
        ),
        (
            connect(&[(":method", Some("GET"))]),
            MalformedHead::ProtocolWithoutConnect,
        ),
        (
            connect(&[(":protocol", None)]),
            MalformedHead::Connect(":scheme"),
        ),
        (
            connect(&[(":protocol", None), (":scheme", None)]),
            MalformedHead::Connect(":path"),
        ),
        (
            fields(&[(":method", "CONNECT")]),
            MalformedHead::Missing(":authority"),
        ),
        (with(":path", "/"), MalformedHead::Late(one(":path", "/"))),
        (
            fields(&[(":path", "/"), (":path", "/")]),
            MalformedHead::Twice(one(":path", "/")),
        ),
        (
            fields(&[(":status", "200")]),
            MalformedHead::Unknown(one(":status", "200")),
        ),
        (
            with("Origin", ""),
            MalformedHead::UpperCase(one("Origin", "")),
        ),
        (with("", ""), MalformedHead::Name(one("", ""))),
        (with(":", ""), MalformedHead::Name(one(":", ""))),
        (with("a:b", ""), MalformedHead::Name(one("a:b", ""))),
        (with("a b", ""), MalformedHead::Name(one("a b", ""))),
        (with("é", ""), MalformedHead::Name(one("é", ""))),
        (with("a", "b\n"), MalformedHead::Value(one("a", "b\n"))),
        (with("a", "b\0c"), MalformedHead::Value(one("a", "b\0c"))),
        (with("a", " b"), MalformedHead::Blank(one("a", " b"))),
        (with("a", "b\t"), MalformedHead::Blank(one("a", "b\t"))),
        (
            with("upgrade", "websocket"),
            MalformedHead::OfConnection(one("upgrade", "websocket")),
        ),
        (
            with("te", "gzip"),
            MalformedHead::OfConnection(one("te", "gzip")),
        ),
    ] {
        assert_eq!(RequestHead::read(fields), Err(malformed));
    }
    for fields in [
        with("te", "trailers"),
        with("a", "\x7fé"),
        fields(&[(":method", "CONNECT"), (":authority", "a:1")]),
        fields(&[(":method", "OPTIONS"), (":scheme", "http"), (":path", "*")]),
    ] {
        assert!(RequestHead::read(fields).is_ok());
    }
}

#[test]
fn a_malformed_response_is_told_by_its_rule() {
    let read = |of: &[(&str, &str)]| ResponseHead::read(fields(of));
    let head = read(&[(":status", "200"), ("a", "1"), ("a", "2")]);
    let head = head.expect("a head");
    assert_eq!(head.status, 200);
    assert_eq!(head.values("a").collect::<Vec<_>>(), ["1", "2"]);
    assert!(read(&[(":status", "103")]).is_ok_and(|it| it.is_interim()));
    for status in ["", "20", "0200", "2oo", "099", "+20"] {
        let malformed = MalformedHead::Status(status.to_owned().into());
        assert_eq!(read(&[(":status", status)]), Err(malformed));
    }
    for (of, malformed) in [
        (&[(":status", "101")][..], MalformedHead::SwitchingProtocols),
        (&[("a", "")], MalformedHead::Missing(":status")),
        (
            &[(":status", "200"), (":path", "/")],
            MalformedHead::Unknown(field(":path", "/")),
        ),
        (
            &[(":status", "200"), ("connection", "close")],
            MalformedHead::OfConnection(field("connection", "close")),
        ),
    ] {
        assert_eq!(read(of), Err(malformed));
    }
}

#[test]
fn a_section_is_limited_before_it_is_complete() {
    let section = Section {
        stream: 1,
        fields: vec![Field::new("a", vec![b'x'; 2000])],
        ends_stream: false,
    };
    let frames = section.frames(100);
    let mut sections = Sections::new(1000);
    let too_much = Err(Malformed::TooMuch { limit: 1000 }.into());
    assert_eq!(taken(&frames[..11], &mut sections), too_much);
}

proptest! {
    #[test]
    fn any_section_comes_back_however_it_is_cut(
        said in prop::collection::vec(
            (".{0,20}", prop::collection::vec(any::<u8>(), 0..60)),
            0..8,
        ),
        ends_stream in any::<bool>(),
        most in 1..100_usize,
    ) {
        let said = said.into_iter();
        let section = Section {
            stream: 5,
            fields: said.map(|(name, it)| Field::new(name, it)).collect(),
            ends_stream,
        };
        let mut sections = Sections::new(1 << 16);
        for _ in 0..2 {
            let frames = section.frames(most);
            let taken = taken(&frames, &mut sections)?;
            prop_assert_eq!(taken.as_ref(), Some(&section));
        }
        // Whatever they mean, they can be read or are malformed.
        let fields = section.fields;
        _ = RequestHead::read(fields.clone()).map_err(|it| it.to_string());
        _ = ResponseHead::read(fields).map_err(|it| it.to_string());
    }
}
