// The WebSocket echo at /ws, with Undertow.

import io.undertow.Handlers;
import io.undertow.Undertow;
import io.undertow.websockets.core.AbstractReceiveListener;
import io.undertow.websockets.core.BufferedBinaryMessage;
import io.undertow.websockets.core.BufferedTextMessage;
import io.undertow.websockets.core.WebSocketCallback;
import io.undertow.websockets.core.WebSocketChannel;
import io.undertow.websockets.core.WebSockets;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import org.xnio.Pooled;

public class Echo extends AbstractReceiveListener {
    @Override
    protected void onFullTextMessage(WebSocketChannel channel,
            BufferedTextMessage message) {
        WebSockets.sendText(message.getData(), channel, null);
    }

    @Override
    @SuppressWarnings("deprecation") // Undertow's own method returns a Pooled.
    protected void onFullBinaryMessage(WebSocketChannel channel,
            BufferedBinaryMessage message) {
        Pooled<ByteBuffer[]> data = message.getData();
        WebSockets.sendBinary(data.getResource(), channel,
            new WebSocketCallback<Void>() {
                @Override
                public void complete(WebSocketChannel channel, Void none) {
                    data.close();
                }

                @Override
                public void onError(WebSocketChannel channel, Void none,
                        Throwable error) {
                    data.close();
                }
            });
    }

    public static void main(String[] arguments) {
        String[] listen = System.getenv()
            .getOrDefault("LISTEN", "127.0.0.1:8080").split(":");
        Undertow server = Undertow.builder()
            .addHttpListener(Integer.parseInt(listen[1]), listen[0])
            .setHandler(Handlers.path().addExactPath("/ws",
                Handlers.websocket((exchange, channel) -> {
                    channel.getReceiveSetter().set(new Echo());
                    channel.resumeReceives();
                })))
            .build();
        server.start();
        InetSocketAddress address = (InetSocketAddress)
            server.getListenerInfo().get(0).getAddress();
        System.out.printf("listening on ws://%s:%d/ws%n",
            listen[0], address.getPort());
    }
}
