//! The reference endpoint as something to judge: where it is, and what it
//! declares.

use std::sync::Arc;
use std::time::Duration;

use wsspec::{Declared, Endpoint, Over, Tls, Trust};
use wsspec_reference::{Kind, Reference, guard};

/// How to reach and judge a reference endpoint.
pub(crate) fn endpoint(reference: &Reference, patience: Duration) -> Endpoint {
    let url = reference.url().parse().expect("a URL");
    let mut endpoint = Endpoint::new(url, patience);
    reach(reference.kind(), &mut endpoint);
    endpoint
}

/// Says of an endpoint of this kind how to reach it, and what it declares.
pub(crate) fn reach(kind: Kind, endpoint: &mut Endpoint) {
    endpoint.declared = declared(kind);
    match kind {
        Kind::Http2 => endpoint.over = Over::Http2,
        Kind::Secure => {
            let trust = Trust {
                ca: Some(wsspec_reference::certificates().join("ca.pem")),
                ..Trust::default()
            };
            let tls = Tls::new(&trust).expect("a CA");
            endpoint.tls = Some(Arc::new(tls));
        }
        _ => {}
    }
}

/// What an endpoint of this kind declares.
pub(crate) fn declared(kind: Kind) -> Declared {
    let declared = Declared {
        max_message: Some(kind.most()),
        ..Declared::default()
    };
    match kind {
        Kind::Plain | Kind::Deflate | Kind::Secure => declared,
        Kind::Http2 => Declared {
            origin: Some(guard::ORIGIN.to_owned()),
            bearer: Some(guard::TOKEN.to_owned()),
            ..declared
        },
        Kind::Guarded => Declared {
            origin: Some(guard::ORIGIN.to_owned()),
            bearer: Some(guard::TOKEN.to_owned()),
            subprotocol: Some(guard::SUBPROTOCOL.to_owned()),
            handshake_deadline: Some(wsspec_reference::HANDSHAKE),
            ping_interval: Some(wsspec_reference::PING),
            close_deadline: Some(wsspec_reference::CLOSE),
            bearer_subprotocol: Some(guard::BEARER.to_owned()),
            ..declared
        },
        Kind::Rated => Declared {
            max_handshakes: Some(wsspec_reference::HANDSHAKES),
            ..declared
        },
        Kind::Timed => Declared {
            idle_deadline: Some(wsspec_reference::IDLE),
            max_age: Some(wsspec_reference::AGE),
            send_deadline: Some(wsspec_reference::SEND),
            ..declared
        },
        Kind::Large => Declared {
            shutdown_deadline: Some(wsspec_reference::SHUTDOWN),
            ..declared
        },
        Kind::Limited => Declared {
            max_connections: Some(wsspec_reference::CLIENTS),
            ..declared
        },
    }
}
