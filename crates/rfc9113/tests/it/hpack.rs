//! HPACK against the RFC's own examples, and against rubbish.

use proptest::prelude::*;
use rfc9113::hpack::{
    Decoder, Field, Indexing, Malformed, Name, Representation, Text, encode,
};

fn fields(of: &[(&'static str, &'static str)]) -> Vec<Field> {
    of.iter()
        .map(|&(name, value)| Field::new(name, value))
        .collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let (pairs, []) = digits.as_chunks() else {
        panic!("half an octet in {hex}");
    };
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(high << 4 | low).expect("an octet"))
        .collect()
}

fn section(said: &[Representation]) -> Vec<u8> {
    let mut octets = Vec::new();
    for it in said {
        it.encode(&mut octets);
    }
    octets
}

/// A field that is stored.
fn stored(name: &'static str, value: &'static str) -> Representation {
    Representation::Literal {
        indexing: Indexing::Stored,
        name: Name::Literal(Text::huffman(name)),
        value: Text::plain(value),
    }
}

/// RFC 7541 Appendix C.2.
#[test]
fn the_examples_of_single_fields() {
    for (hex, field) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            ("custom-key", "custom-header"),
        ),
        (
            "040c 2f73 616d 706c 652f 7061 7468",
            (":path", "/sample/path"),
        ),
        (
            "1008 7061 7373 776f 7264 0673 6563 7265 74",
            ("password", "secret"),
        ),
        ("82", (":method", "GET")),
    ] {
        let decoded = Decoder::new(1024).decode(octets(hex));
        assert_eq!(decoded, Ok(fields(&[field])));
    }
}

/// RFC 7541 Appendices C.3 and C.4: each request speaks of what the one
/// before has stored.
#[test]
fn the_examples_of_requests() {
    let plain = [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ];
    let huffman = [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    let requests = [
        fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
        ]),
        fields(&[
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "www.example.com"),
            ("cache-control", "no-cache"),
        ]),
        fields(&[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ]),
    ];
    for examples in [plain, huffman] {
        let mut decoder = Decoder::new(1024);
        for (hex, request) in examples.iter().zip(&requests) {
            assert_eq!(decoder.decode(octets(hex)).as_ref(), Ok(request));
        }
    }
}

/// RFC 7541 Appendices C.5 and C.6: a table of 256 octets, which forgets. The
/// examples take its size for agreed; here the first section says it.
#[test]
fn the_examples_of_responses() {
    let plain = [
        "3fe101 4803333032580770726976617465611d4d6f6e2c203231204f6374203230\
         31332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d70\
         6c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c0\
         5a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f504955415851\
         57454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ];
    let huffman = [
        "3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e0\
         82a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad\
         94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f95873160\
         65c003ed4ee5b1063d5007",
    ];
    let date = "Mon, 21 Oct 2013 20:13:21 GMT";
    let location = "https://www.example.com";
    let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    let responses = [
        fields(&[
            (":status", "302"),
            ("cache-control", "private"),
            ("date", date),
            ("location", location),
        ]),
        fields(&[
            (":status", "307"),
            ("cache-control", "private"),
            ("date", date),
            ("location", location),
        ]),
        fields(&[
            (":status", "200"),
            ("cache-control", "private"),
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
            ("location", location),
            ("content-encoding", "gzip"),
            ("set-cookie", cookie),
        ]),
    ];
    for examples in [plain, huffman] {
        let mut decoder = Decoder::new(1024);
        decoder.set_table_size(256);
        for (hex, response) in examples.iter().zip(&responses) {
            assert_eq!(decoder.decode(octets(hex)).as_ref(), Ok(response));
        }
    }
}

/// Whatever it is: the reader of it has to refuse it, not we.
#[test]
fn any_octets_can_be_said() {
    let said = [
        Field::new(":path", "/ws\r\nx: y"),
        Field::new(":path", ""),
        Field::new("Upper Case:", "\0"),
        Field::new("", &b"\xff"[..]),
        Field::new(":method", "CONNECT"),
    ];
    let octets = encode(&said);
    assert_eq!(Decoder::new(1024).decode(octets), Ok(said.to_vec()));
}

#[test]
fn the_size_of_the_table_is_kept() {
    let first = stored("a", "1");
    let update = Representation::SizeUpdate;
    let newest = Representation::Indexed(62);

    let mut decoder = Decoder::new(1024);
    let octets = section(&[first.clone(), newest.clone()]);
    let twice = fields(&[("a", "1"), ("a", "1")]);
    assert_eq!(decoder.decode(octets), Ok(twice));
    // The table is emptied, and its size comes back.
    let octets = section(&[update(0), update(4096), newest.clone()]);
    assert_eq!(decoder.decode(octets), Err(Malformed::Index(62)));

    let octets = section(&[update(4097)]);
    let expected = Malformed::SizeTooLarge {
        size: 4097,
        limit: 4096,
    };
    assert_eq!(Decoder::new(1024).decode(octets), Err(expected));

    let octets = section(&[first, update(0)]);
    let late = Decoder::new(1024).decode(octets);
    assert_eq!(late, Err(Malformed::SizeTooLate));

    let unknown = section(&[Representation::Indexed(0)]);
    let unknown = Decoder::new(1024).decode(unknown);
    assert_eq!(unknown, Err(Malformed::Index(0)));
}

#[test]
fn a_smaller_table_that_was_announced_has_to_follow() {
    let update = Representation::SizeUpdate;
    let field = Representation::Indexed(2);
    let after = |said: &[Representation]| {
        let mut decoder = Decoder::new(1024);
        decoder.set_table_size(100);
        decoder.set_table_size(1000);
        decoder.decode(section(said))
    };
    let expected = Ok(fields(&[(":method", "GET")]));
    assert_eq!(after(&[update(100), field.clone()]), expected);
    assert_eq!(after(&[update(0), update(1000), field.clone()]), expected);
    let unchanged = Err(Malformed::SizeUnchanged(100));
    assert_eq!(after(std::slice::from_ref(&field)), unchanged);
    assert_eq!(after(&[update(101), field]), unchanged);
}

/// One octet of this section stands for four thousand.
#[test]
fn a_bomb_does_not_blow_up() {
    let large = Field::new("a", vec![b'x'; 4000]);
    let mut bomb = section(&[Representation::Literal {
        indexing: Indexing::Stored,
        name: Name::Literal(Text::plain(large.name.clone())),
        value: Text::plain(large.value.clone()),
    }]);
    bomb.resize(bomb.len() + 16_000, 0xbe);
    let mut decoder = Decoder::new(1 << 16);
    let too_much = Err(Malformed::TooMuch { limit: 1 << 16 });
    assert_eq!(decoder.decode(bomb), too_much);
    assert_eq!(decoder.decode([0x82]), too_much, "a failure is final");

    // Fields without an octet count as well.
    let empty = b"\0\0\0".repeat(3000);
    assert_eq!(Decoder::new(1 << 16).decode(empty), too_much);
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        said in prop::collection::vec(
            (
                prop::collection::vec(any::<u8>(), 0..300),
                prop::collection::vec(any::<u8>(), 0..300),
            ),
            0..20,
        ),
    ) {
        let said: Vec<_> = said
            .into_iter()
            .map(|(name, value)| Field::new(name, value))
            .collect();
        let decoded = Decoder::new(1 << 20).decode(encode(&said));
        prop_assert_eq!(decoded, Ok(said));
    }

    /// The table of the one who writes is that of the one who reads.
    #[test]
    fn what_is_stored_is_found_again(
        values in prop::collection::vec(0..40_usize, 1..200),
    ) {
        const VALUES: &str = "0123456789012345678901234567890123456789";
        let mut decoder = Decoder::new(1 << 20);
        for length in values {
            let field = Field::new("name", &VALUES[..length]);
            let said = [
                stored("name", &VALUES[..length]),
                Representation::Indexed(62),
            ];
            let decoded = decoder.decode(section(&said));
            prop_assert_eq!(decoded, Ok(vec![field.clone(), field]));
        }
    }

    #[test]
    fn rubbish_is_read_or_refused(
        sections in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..400),
            0..8,
        ),
        size in any::<u32>(),
    ) {
        let mut decoder = Decoder::new(1 << 12);
        for (at, section) in sections.into_iter().enumerate() {
            if at == 2 {
                decoder.set_table_size(size);
            }
            if let Ok(fields) = decoder.decode(section) {
                let size: usize = fields.iter().map(Field::size).sum();
                prop_assert!(size <= 1 << 12);
            }
        }
    }
}
