//! The codec against h2, so that it isn't its own only witness.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use h2::ext::Protocol;
use http::{Request, Response, StatusCode};
use rfc9113::{
    Decoder, ErrorCode, Field, Frame, PREFACE, Payload, RequestHead,
    ResponseHead, Rules, Section, Sections, Sender, Setting,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Our side of a connection to h2.
struct Side {
    stream: DuplexStream,
    decoder: Decoder,
    rules: Rules,
    sections: Sections,
    /// What is not asked for yet.
    pending: VecDeque<Said>,
}

#[derive(Debug, PartialEq)]
enum Said {
    Section(Section),
    Other(u32, Payload),
}

impl Side {
    fn new(stream: DuplexStream, peer: Sender) -> Self {
        Self {
            stream,
            decoder: Decoder::new(16_384),
            rules: Rules::new(peer),
            sections: Sections::new(16_384),
            pending: VecDeque::new(),
        }
    }

    async fn say(&mut self, frames: impl IntoIterator<Item = Frame>) {
        let mut octets = Vec::new();
        for frame in frames {
            frame.encode(&mut octets);
        }
        // Where h2 has gone, what it said before is still to be read.
        _ = self.stream.write_all(&octets).await;
    }

    /// The next that h2 says about a stream, or the end of the connection.
    async fn next(&mut self) -> Said {
        loop {
            if let Some(said) = self.pending.pop_front() {
                return said;
            }
            while let Some(frame) = self.decoder.next_frame().expect("frames") {
                let payload = self.rules.check(&frame).expect("legal");
                let section = self.sections.take(&frame, &payload);
                match (section.expect("readable"), payload) {
                    (Some(section), _) => {
                        self.pending.push_back(Said::Section(section));
                    }
                    (None, Payload::Settings(_)) => {
                        self.say([Frame::settings_ack()]).await;
                    }
                    (None, Payload::Ping(octets)) => {
                        self.say([Frame::ping_ack(octets)]).await;
                    }
                    (None, Payload::SettingsAck | Payload::WindowUpdate(_)) => {
                    }
                    (None, payload) => {
                        let said = Said::Other(frame.stream, payload);
                        self.pending.push_back(said);
                    }
                }
            }
            if self.pending.is_empty() {
                let mut octets = BytesMut::new();
                let count = self.stream.read_buf(&mut octets).await;
                assert_ne!(count.expect("h2 speaks"), 0, "h2 has ended");
                self.decoder.push(&octets);
            }
        }
    }

    async fn section(&mut self) -> Section {
        match self.next().await {
            Said::Section(section) => section,
            other => panic!("{other:?}"),
        }
    }
}

fn connect() -> Vec<Field> {
    vec![
        Field::new(":method", "CONNECT"),
        Field::new(":protocol", "websocket"),
        Field::new(":scheme", "http"),
        Field::new(":path", "/ws"),
        Field::new(":authority", "localhost"),
        Field::new("sec-websocket-version", "13"),
    ]
}

/// h2 as a server that answers every CONNECT and echoes.
async fn serve(stream: DuplexStream) {
    let mut builder = h2::server::Builder::new();
    builder.enable_connect_protocol();
    let connection = builder.handshake::<_, Bytes>(stream).await;
    let Ok(mut connection) = connection else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let protocol = request.extensions().get::<Protocol>();
            assert_eq!(protocol.map(Protocol::as_str), Some("websocket"));
            let response = Response::builder()
                .header("x-odd", "\u{e9}~{}|")
                .header("x-odd", "again")
                .body(())
                .expect("a response");
            let mut sender = respond
                .send_response(response, false)
                .expect("a stream");
            let mut body = request.into_body();
            while let Some(Ok(data)) = body.data().await {
                // h2 tells of the end by nothing, too.
                if data.is_empty() {
                    continue;
                }
                let room = body.flow_control().release_capacity(data.len());
                room.expect("room");
                sender.send_data(data, false).expect("sent");
            }
            sender
                .send_data(Bytes::new(), true)
                .expect("ended");
        });
    }
}

async fn client() -> Side {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve(theirs));
    let mut side = Side::new(ours, Sender::Server);
    side.stream
        .write_all(PREFACE)
        .await
        .expect("h2 listens");
    let settings = [(Setting::ENABLE_PUSH, 0)];
    side.say([Frame::settings(&settings)]).await;
    side
}

#[tokio::test]
async fn a_server_understands_and_is_understood() {
    let mut side = client().await;
    // From the second on, the server speaks of what it has stored.
    for stream in [1, 3, 5] {
        let opening = Section {
            stream,
            fields: connect(),
            ends_stream: false,
        };
        side.say(opening.frames(20)).await;
        let section = side.section().await;
        assert_eq!(section.stream, stream);
        let head = ResponseHead::read(section.fields).expect("a head");
        assert_eq!(head.status, 200);
        let odd: Vec<_> = head.values("x-odd").collect();
        assert_eq!(odd, ["\u{e9}~{}|", "again"]);

        let echo = Frame::data(stream, "Hello").padded(9);
        side.say([echo, Frame::data(stream, "").end_stream()])
            .await;
        let data = |data| Said::Other(stream, Payload::Data(data));
        assert_eq!(side.next().await, data("Hello".into()));
        assert_eq!(side.next().await, data(Bytes::new()));
    }
}

/// What we call malformed h2 refuses: the stream, or, where its HPACK can't
/// hold the field, the connection.
#[tokio::test]
async fn a_server_refuses_what_is_malformed() {
    let with = |field| {
        let mut fields = connect();
        fields.push(field);
        fields
    };
    let without = |name: &str| {
        let mut fields = connect();
        fields.retain(|field| field.name != name);
        fields
    };
    let code = ErrorCode::PROTOCOL_ERROR;
    let stream = Said::Other(1, Payload::RstStream(code));
    let connection = Said::Other(
        0,
        Payload::GoAway {
            last_stream: 0,
            code,
            debug_data: Bytes::new(),
        },
    );
    for (fields, refusal) in [
        (with(Field::new("Upper", "")), &connection),
        (with(Field::new("a", "b\r\n")), &connection),
        (with(Field::new("a", "\0")), &connection),
        (with(Field::new(":unknown", "")), &connection),
        (with(Field::new(":path", "/late")), &stream),
        (with(Field::new("connection", "upgrade")), &stream),
        (without(":method"), &stream),
        (without(":scheme"), &stream),
        (without(":protocol"), &stream),
    ] {
        assert!(RequestHead::read(fields.clone()).is_err());
        let mut side = client().await;
        let opening = Section {
            stream: 1,
            fields,
            ends_stream: false,
        };
        side.say(opening.frames(16_384)).await;
        assert_eq!(side.next().await, *refusal, "{:?}", opening.fields);
    }
}

#[tokio::test]
async fn a_client_understands_and_is_understood() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let mut side = Side::new(ours, Sender::Client);
    let settings = [(Setting::ENABLE_CONNECT_PROTOCOL, 1)];
    side.say([Frame::settings(&settings)]).await;
    let client = tokio::spawn(async move {
        let client = h2::client::handshake(theirs).await;
        let (mut sender, connection) = client.expect("a connection");
        tokio::spawn(connection);
        for _ in 0..3 {
            while !sender.is_extended_connect_protocol_enabled() {
                tokio::task::yield_now().await;
            }
            let request = Request::connect("http://localhost/ws")
                .header("origin", "https://app.example")
                .extension(Protocol::from_static("websocket"))
                .body(())
                .expect("a request");
            let sent = sender.send_request(request, false);
            let (response, mut stream) = sent.expect("a stream");
            let response = response.await.expect("a response");
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["a"], "1");
            stream
                .send_data("Hello".into(), true)
                .expect("sent");
            let mut body = response.into_body();
            let data = body.data().await;
            assert_eq!(data.expect("data").expect("data"), "Hello");
            assert!(body.data().await.is_none());
        }
    });
    let mut preface = [0; PREFACE.len()];
    side.stream
        .read_exact(&mut preface)
        .await
        .expect("h2 speaks");
    assert_eq!(preface, PREFACE);
    for _ in 0..3 {
        let Section { stream, fields, .. } = side.section().await;
        let head = RequestHead::read(fields).expect("a head");
        assert!(head.is_extended_connect());
        assert_eq!(head.authority.as_deref(), Some(&b"localhost"[..]));
        let origin: Vec<_> = head.values("origin").collect();
        assert_eq!(origin, ["https://app.example"]);
        let answer = Section {
            stream,
            fields: vec![Field::new(":status", "200"), Field::new("a", "1")],
            ends_stream: false,
        };
        side.say(answer.frames(3)).await;
        let data = Payload::Data("Hello".into());
        assert_eq!(side.next().await, Said::Other(stream, data));
        let end = Frame::data(stream, "Hello")
            .padded(0)
            .end_stream();
        side.say([end]).await;
    }
    client.await.expect("the client is content");
}
