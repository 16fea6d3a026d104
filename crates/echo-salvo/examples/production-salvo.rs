//! The WebSocket echo at `/ws`, with salvo, as one would deploy it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, process};

use endpoint::{
    Cause, Fields, Place, Policy, Refusal, Session, Settings, Transport, Turn,
};
use futures_util::{SinkExt, StreamExt};
use salvo::conn::tcp::{TcpAcceptor, TcpCoupler};
use salvo::conn::{Accepted, Acceptor, Holding, StraightStream};
use salvo::fuse::{ArcFusePolicy, FuseConfig};
use salvo::http::header::{CONNECTION, UPGRADE};
use salvo::http::{HeaderMap, HeaderValue, StatusCode, Version};
use salvo::websocket::{Message, WebSocket, WebSocketUpgrade};
use salvo::writing::Text;
use salvo::{
    Depot, FlowCtrl, Request, Response, Router, Scribe, Server, Service,
    affix_state, handler,
};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use tungstenite::protocol::WebSocketConfig;

#[tokio::main]
async fn main() -> io::Result<()> {
    let settings = Settings::from_command_line();
    endpoint::start(&settings);
    let bound = TcpListener::bind(&settings.listen).await;
    let listener = bound.unwrap_or_else(|error| {
        eprintln!("cannot listen on {}: {error}", settings.listen);
        process::exit(1)
    });
    serve(listener, settings).await
}

async fn serve(listener: TcpListener, settings: Settings) -> io::Result<()> {
    let address = listener.local_addr()?;
    let policy = Policy::new(settings, address);
    let (settings, register) = (&policy.settings, &policy.register);
    // The first hoop is the first that a request meets.
    let router = Router::new()
        .push(
            Router::with_path("ws")
                // The path alone matches `/ws/`, too.
                .filter_fn(|request, _| request.uri().path() == "/ws")
                .hoop(check_rate)
                .hoop(check_origin)
                .hoop(check_credential)
                .hoop(check_opening)
                .goal(handshake),
        )
        .get(page)
        .push(Router::with_path("healthz").get(healthz));
    let service = Service::new(router)
        .hoop(affix_state::inject(policy.clone()))
        .hoop(span);

    // salvo shows nobody the connections that it accepts; on Linux they have
    // the options of the socket that listens.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    let acceptor = Streams {
        accepted: TcpAcceptor::try_from(listener)?,
        settings: Arc::clone(settings),
    };
    let fuse = FuseConfig::default()
        .with_http1_header_timeout(settings.handshake_deadline);
    let mut server = Server::new(acceptor).fuse_config(fuse);
    // HTTP/1 is enough: salvo's upgrade takes no CONNECT, and so no WebSocket
    // over HTTP/2 (RFC 8441).
    server.http1_mut().max_buf_size(settings.max_head);
    tokio::spawn(register.clone().leave_on_signal());
    println!("listening on ws://{address}/ws");
    let handle = server.handle();
    let stop = async {
        register.leaving().await;
        handle.stop_graceful(settings.shutdown_deadline);
        register.is_left().await;
    };
    // Of upgraded connections salvo knows nothing: the register does.
    let (served, ()) = tokio::join!(server.try_serve(service), stop);
    served
}

#[handler]
async fn page() -> Text<&'static str> {
    Text::Html(endpoint::PAGE)
}

#[handler]
async fn healthz() -> &'static str {
    "ok"
}

/// What becomes of a stream before salvo gets it.
struct Streams {
    accepted: TcpAcceptor,
    settings: Arc<Settings>,
}

impl Acceptor for Streams {
    type Coupler = TcpCoupler<Self::Stream>;
    type Stream = Transport<StraightStream<TcpStream>>;

    fn holdings(&self) -> &[Holding] {
        self.accepted.holdings()
    }

    async fn accept(
        &mut self,
        fuse: Option<ArcFusePolicy>,
    ) -> io::Result<Accepted<Self::Coupler, Self::Stream>> {
        let accepted = match self.accepted.accept(fuse).await {
            Ok(accepted) => accepted,
            Err(error) => {
                // salvo logs it, and would try again a hundred times a second.
                sleep(Duration::from_secs(1)).await;
                return Err(error);
            }
        };
        Ok(accepted.map_into(
            |_| TcpCoupler::new(),
            |stream| Transport::new(stream, &self.settings),
        ))
    }
}

// The HTTP phase: what a request meets before any switch, in this order.

#[handler]
async fn span(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    ctrl: &mut FlowCtrl,
) {
    let peer = peer(request);
    let rest = ctrl.call_next(request, depot, response);
    rest.instrument(endpoint::span(peer)).await;
}

#[handler]
async fn check_rate(
    request: &mut Request,
    depot: &mut Depot,
) -> Result<(), Refused> {
    policy(depot).check_rate(peer(request), fields(request.headers()))?;
    Ok(())
}

// `WebSocketUpgrade` can do it, too, but looks behind the check of the
// credential.
#[handler]
async fn check_origin(
    request: &mut Request,
    depot: &mut Depot,
) -> Result<(), Refused> {
    policy(depot).check_origin(fields(request.headers()))?;
    Ok(())
}

#[handler]
async fn check_credential(
    request: &mut Request,
    depot: &mut Depot,
) -> Result<(), Refused> {
    policy(depot).check_credential(fields(request.headers()))?;
    Ok(())
}

#[handler]
async fn check_opening(
    request: &mut Request,
    depot: &mut Depot,
) -> Result<(), Refused> {
    let version = match request.version() {
        Version::HTTP_11 => endpoint::Version::Http11,
        _ => endpoint::Version::Old,
    };
    let (method, headers) = (request.method().as_str(), request.headers());
    policy(depot).check_opening(method, version, fields(headers))?;
    // The upgrade compares Upgrade as a whole; it need not do better now.
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    Ok(())
}

#[handler]
async fn handshake(
    request: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
) -> Result<(), Refused> {
    let place = policy(depot).enter()?;
    let settings = place.settings();
    let config = WebSocketConfig::default()
        .read_buffer_size(settings.read_buffer)
        .max_frame_size(Some(settings.max_frame()))
        .max_message_size(Some(settings.max_message));
    let upgrade = WebSocketUpgrade::with_config(config)
        .protocols(&[endpoint::SUBPROTOCOL]);
    // The task of the connection is not the request's: the place has its span.
    place.span().record("status", 101);
    let upgraded =
        upgrade.upgrade(request, response, |socket| connection(socket, place));
    if let Err(error) = upgraded.await {
        response.render(error);
    }
    Ok(())
}

fn fields<'a>(headers: &'a HeaderMap) -> impl Fields<'a> {
    |name| {
        headers
            .get_all(name)
            .iter()
            .map(HeaderValue::as_bytes)
    }
}

fn policy(depot: &Depot) -> &Policy {
    let policy = depot.get_typed::<Policy>();
    policy.expect("the policy is with every request")
}

fn peer(request: &Request) -> SocketAddr {
    let peer = request.remote_addr().clone().into_std();
    peer.expect("every connection is over TCP")
}

struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl Scribe for Refused {
    fn render(self, response: &mut Response) {
        let Self(refusal) = self;
        refusal.log();
        let status = StatusCode::from_u16(refusal.status());
        // After one of 300 or more salvo calls no further handler.
        response.status_code(status.unwrap_or_default());
        for (name, value) in refusal.fields() {
            _ = response.add_header(name, value, true);
        }
        response.render(refusal.to_string());
    }
}

// The connection phase: what the framework no longer does.

async fn connection(mut socket: WebSocket, place: Place) {
    let settings = place.settings();
    let mut session = Session::new(settings, Instant::now());
    let cause = echo(&mut socket, &mut session, &place).await;
    if cause.can_be_told() {
        let closing = close(&mut socket, cause);
        _ = timeout(settings.close_deadline, closing).await;
    }
    session.ended(cause, &place);
}

async fn echo(
    socket: &mut WebSocket,
    session: &mut Session,
    place: &Place,
) -> Cause {
    loop {
        let received = match session.turn(socket, place).await {
            Turn::Received(received) => received,
            Turn::Ping => {
                if socket.feed(Message::ping("")).await.is_err() {
                    return Cause::Lost;
                }
                continue;
            }
            Turn::End(cause) => return cause,
        };
        match received {
            Some(Ok(message)) if message.is_text() || message.is_binary() => {
                session.message(message.as_bytes().len(), Instant::now());
                if socket.feed(message).await.is_err() {
                    return Cause::Lost;
                }
            }
            Some(Ok(message)) if message.is_close() => {
                let frame = message.close_frame();
                return Cause::Closed(frame.map(|(code, _)| code));
            }
            // The Pong that answers a Ping is queued.
            Some(Ok(ping_or_pong)) => {
                session.control(ping_or_pong.as_bytes().len());
            }
            Some(Err(error)) => return cause(&error),
            None => return Cause::Lost,
        }
    }
}

/// Sends the Close that is due and waits for the peer's. The answer to the
/// peer's own is queued already, and leaves when the stream is read on.
async fn close(socket: &mut WebSocket, cause: Cause) {
    if let Some((code, reason)) = cause.close() {
        let close = Message::close_with(code, reason);
        if socket.send(close).await.is_err() {
            return;
        }
    }
    while let Some(Ok(_)) = socket.next().await {}
}

/// The downcast succeeds only with the tungstenite that salvo is built with.
fn cause(error: &salvo::Error) -> Cause {
    use tungstenite::error::{Error, ProtocolError};
    let source = match error {
        salvo::Error::Other(error) => error.downcast_ref(),
        _ => None,
    };
    match source {
        // A connection that ends without a Close breaks no rule of framing.
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
            Cause::Lost
        }
        Some(Error::Protocol(_)) => Cause::Protocol,
        Some(Error::Utf8(_)) => Cause::Text,
        Some(Error::Capacity(_)) => Cause::Size,
        _ => Cause::Lost,
    }
}
