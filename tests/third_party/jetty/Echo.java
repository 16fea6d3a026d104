// The WebSocket echo at /ws, with Jetty. The same port speaks HTTP/1.1 and,
// with prior knowledge, HTTP/2.

import java.nio.ByteBuffer;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

public class Echo implements Session.Listener {
    private Session session;

    @Override
    public void onWebSocketOpen(Session session) {
        this.session = session;
        session.demand();
    }

    // The next message is asked for when the last is sent.
    @Override
    public void onWebSocketText(String message) {
        session.sendText(message, Callback.from(session::demand, e -> {}));
    }

    @Override
    public void onWebSocketBinary(ByteBuffer message, Callback callback) {
        session.sendBinary(message, Callback.from(() -> {
            callback.succeed();
            session.demand();
        }, callback::fail));
    }

    public static void main(String[] arguments) throws Exception {
        String[] listen = System.getenv()
            .getOrDefault("LISTEN", "127.0.0.1:8080").split(":");
        Server server = new Server();
        HttpConfiguration http = new HttpConfiguration();
        ServerConnector connector = new ServerConnector(server,
            new HttpConnectionFactory(http),
            new HTTP2CServerConnectionFactory(http));
        connector.setHost(listen[0]);
        connector.setPort(Integer.parseInt(listen[1]));
        server.addConnector(connector);
        server.setHandler(WebSocketUpgradeHandler.from(server, container ->
            container.addMapping("/ws", (request, response, callback) ->
                new Echo())));
        server.setStopAtShutdown(true);
        server.start();
        System.out.printf("listening on ws://%s:%d/ws%n",
            listen[0], connector.getLocalPort());
        server.join();
    }
}
