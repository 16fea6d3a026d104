//! The WebSocket echo at `/ws`, with actix-web and actix-ws, as one would
//! deploy it.

use std::cell::Cell;
use std::future::ready;
use std::iter::once;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::{Duration, Instant};
use std::{fmt, io, process};

use actix_web::body::MessageBody;
use actix_web::dev::{self, PeerAddr, ServiceRequest, ServiceResponse};
use actix_web::http::header::{ContentType, HeaderMap, HeaderValue, UPGRADE};
use actix_web::http::{KeepAlive, StatusCode, Version};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, Html, Payload};
use actix_web::{
    App, Error, HttpMessage, HttpRequest, HttpResponse, HttpServer,
    ResponseError, rt,
};
use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason,
    ProtocolError,
};
use endpoint::{
    Cause, Due, Fields, FrameLimit, Place, Policy, Refusal, Session, Settings,
};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;
use tracing::Instrument;

#[actix_web::main]
async fn main() -> io::Result<()> {
    let settings = Settings::from_command_line();
    endpoint::start(&settings);
    let bound = TcpListener::bind(&settings.listen);
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
    let data = Data::new(policy.clone());
    // The last wrap is the first that a request meets.
    let app = move || {
        App::new()
            .app_data(data.clone())
            .service(
                web::resource("/ws")
                    .to(handshake)
                    .wrap(from_fn(check_opening))
                    .wrap(from_fn(check_credential))
                    .wrap(from_fn(check_origin))
                    .wrap(from_fn(check_rate)),
            )
            .route("/", web::get().to(|| async { Html::new(endpoint::PAGE) }))
            .route("/healthz", web::get().to(|| async { "ok" }))
            .wrap(from_fn(span))
    };

    // actix waits without end for a peer that does not read, whatever becomes
    // of the connection's task. The kernel need not, though it takes up to
    // three times as long, as it looks when it probes. Sockets inherit this.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener)
        .set_tcp_user_timeout(Some(settings.send_deadline))?;
    // The deadline for a head is for the first of a connection alone: so there
    // is no second. A head has 128 KiB at most and the read buffer 8 KiB; both
    // are constants. Behind its own Close actix sees nothing of the peer but
    // the end of TCP, even if the peer waits for that: so not for long.
    let second = Duration::from_secs(1);
    let server = HttpServer::new(app)
        .tcp_nodelay(true)
        .client_request_timeout(settings.handshake_deadline)
        .keep_alive(KeepAlive::Disabled)
        .client_disconnect_timeout(settings.close_deadline.min(second))
        .shutdown_signal(register.leaving())
        .shutdown_timeout(settings.shutdown_deadline.as_secs().max(1))
        .listen(listener)?;
    tokio::spawn(register.clone().leave_on_signal());
    println!("listening on ws://{address}/ws");
    // It waits for upgraded connections, too, and tells them nothing: the
    // register does.
    let served = server.run().await;
    register.is_left().await;
    served
}

// The HTTP phase: what a request meets before any switch, in this order.

async fn span(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let peer = request.peer_addr();
    let peer = peer.map_or("unknown".into(), |it| it.to_string());
    next.call(request)
        .instrument(endpoint::span(peer))
        .await
}

async fn check_rate(
    policy: Data<Policy>,
    PeerAddr(peer): PeerAddr,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    policy
        .check_rate(peer, fields(request.headers()))
        .map_err(Refused::from)?;
    next.call(request).await
}

async fn check_origin(
    policy: Data<Policy>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    policy
        .check_origin(fields(request.headers()))
        .map_err(Refused::from)?;
    next.call(request).await
}

// actix-web-httpauth reads Authorization alone, and no script can set that.
async fn check_credential(
    policy: Data<Policy>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    policy
        .check_credential(fields(request.headers()))
        .map_err(Refused::from)?;
    next.call(request).await
}

async fn check_opening(
    policy: Data<Policy>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // Without TLS actix speaks no HTTP/2, and with it no RFC 8441.
    let version = match request.version() {
        Version::HTTP_11 => endpoint::Version::Http11,
        _ => endpoint::Version::Old,
    };
    let (method, headers) = (request.method().as_str(), request.headers());
    policy
        .check_opening(method, version, fields(headers))
        .map_err(Refused::from)?;
    // A list is legal, but behind its 101 no frame would get through: what
    // reads on in actix-http wants `websocket` to be the whole value.
    let upgrade = headers.get(UPGRADE).map(HeaderValue::as_bytes);
    if !upgrade.is_some_and(|it| it.eq_ignore_ascii_case(b"websocket")) {
        return Err(Refused::from(Refusal::NoUpgrade).into());
    }
    limit_frames(&policy.settings, &mut request);
    next.call(request).await
}

/// Why a connection ends that had to end in the middle of a frame.
#[derive(Clone, Default)]
struct Cut(Rc<Cell<Option<Cause>>>);

/// actix-http looks at the size of a frame when all of it has come. So what
/// comes is looked at before, and ends where a frame is too large.
fn limit_frames(settings: &Settings, request: &mut ServiceRequest) {
    let cut = Cut::default();
    request.extensions_mut().insert(cut.clone());
    let mut limit = FrameLimit::new(settings);
    let octets = request.take_payload().flat_map(move |octets| {
        let octets = octets.map(|octets| match limit.take(&octets) {
            Ok(()) => octets,
            Err((at, cause)) => {
                cut.0.set(Some(cause));
                octets.slice(..at)
            }
        });
        let end = cut.0.get().map(|_| None);
        stream::iter(once(Some(octets)).chain(end))
    });
    let payload = Box::pin(octets.scan((), |(), octets| ready(octets)));
    request.set_payload(dev::Payload::Stream { payload });
}

async fn handshake(
    policy: Data<Policy>,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, Refused> {
    let protocols = [endpoint::SUBPROTOCOL];
    // The one thing that it refuses now is `close` beside `upgrade`.
    let upgrade = actix_ws::handle_with_protocols(&request, body, &protocols);
    let (response, sender, messages) =
        upgrade.map_err(|_| Refusal::NoUpgrade)?;
    let place = policy.enter()?;
    let settings = place.settings();
    let messages = messages
        .max_frame_size(settings.max_frame())
        .aggregate_continuations()
        .max_continuation_size(settings.max_message);
    // The task of the connection is not the request's: the place has its span.
    place.span().record("status", 101);
    let cut = request
        .extensions()
        .get()
        .cloned()
        .unwrap_or_default();
    rt::spawn(connection(sender, messages, place, cut));
    Ok(response)
}

fn fields<'a>(headers: &'a HeaderMap) -> impl Fields<'a> {
    |name| headers.get_all(name).map(HeaderValue::as_bytes)
}

#[derive(Debug)]
struct Refused(Refusal);

impl From<Refusal> for Refused {
    /// Logs it, here in the request's span: middleware's errors become
    /// responses only behind all middleware.
    fn from(refusal: Refusal) -> Self {
        refusal.log();
        Self(refusal)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or_default()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header(ContentType::plaintext());
        for field in self.0.fields() {
            response.insert_header(field);
        }
        // Connection actix writes itself, and leaves out what is set here.
        response.force_close().body(self.0.to_string())
    }
}

// The connection phase: what the framework no longer does.

async fn connection(
    mut sender: actix_ws::Session,
    mut messages: AggregatedMessageStream,
    place: Place,
    cut: Cut,
) {
    let settings = place.settings();
    let mut session = Session::new(settings, Instant::now());
    let cause = echo(&mut sender, &mut messages, &mut session, &place).await;
    let cause = match (cause, cut.0.get()) {
        (Cause::Lost, Some(cut)) => cut,
        (cause, _) => cause,
    };
    let closing = close(sender, &mut messages, cause);
    _ = timeout(settings.close_deadline, closing).await;
    session.ended(cause, &place);
}

async fn echo(
    sender: &mut actix_ws::Session,
    messages: &mut AggregatedMessageStream,
    session: &mut Session,
    place: &Place,
) -> Cause {
    let send_deadline = place.settings().send_deadline;
    loop {
        // There is no flush: what is sent goes into a channel of 32 messages,
        // from which actix takes all at once. Only when it is full, because
        // the peer does not read, sending waits.
        let sent = tokio::select! {
            biased;
            due = session.until_due(place) => match due {
                Due::Ping => timeout(send_deadline, sender.ping(b"")).await,
                Due::End(cause) => return cause,
            },
            received = messages.recv() => match received {
                Some(Ok(AggregatedMessage::Text(text))) => {
                    session.message(text.len(), Instant::now());
                    timeout(send_deadline, sender.text(text)).await
                }
                Some(Ok(AggregatedMessage::Binary(data))) => {
                    session.message(data.len(), Instant::now());
                    timeout(send_deadline, sender.binary(data)).await
                }
                // actix-ws answers nothing by itself.
                Some(Ok(AggregatedMessage::Ping(data))) => {
                    session.control(data.len());
                    timeout(send_deadline, sender.pong(&data)).await
                }
                Some(Ok(AggregatedMessage::Pong(data))) => {
                    session.control(data.len());
                    continue;
                }
                Some(Ok(AggregatedMessage::Close(reason))) => {
                    return Cause::Closed(reason.map(|it| it.code.into()));
                }
                Some(Err(error)) => match cause(&error) {
                    // What came before the end of TCP comes behind this.
                    Cause::Lost => continue,
                    cause => return cause,
                },
                None => return Cause::Lost,
            },
        };
        match sent {
            Ok(Ok(())) => session.sent(),
            Ok(Err(_)) => return Cause::Lost,
            Err(_) => return Cause::Stalled,
        }
    }
}

/// Sends the Close that is due, or the answer to the peer's, and waits until
/// actix has taken it: then it ends the stream, and in the end TCP.
async fn close(
    sender: actix_ws::Session,
    messages: &mut AggregatedMessageStream,
    cause: Cause,
) {
    let close = match (cause, cause.close()) {
        (Cause::Closed(code), _) => code.map(|code| (code, "")),
        (_, None) => return,
        (_, close) => close,
    };
    let reason = close.map(|(code, reason)| {
        CloseReason::from((CloseCode::from(code), reason))
    });
    if sender.close(reason).await.is_err() {
        return;
    }
    while let Some(Ok(_)) = messages.recv().await {}
}

/// Bad UTF-8, reserved bits, joined messages over the limit and the end of TCP
/// have no variant of their own: only the text tells them apart.
fn cause(error: &ProtocolError) -> Cause {
    let text = error.to_string();
    match error {
        ProtocolError::Overflow => Cause::Size,
        ProtocolError::Io(_) if text.contains("utf-8") => Cause::Text,
        ProtocolError::Io(_) if text.contains("maximum") => Cause::Size,
        ProtocolError::Io(_) if text.contains("bits") => Cause::Protocol,
        ProtocolError::Io(_) => Cause::Lost,
        _ => Cause::Protocol,
    }
}
