// The WebSocket echo at /ws, with Boost.Beast: a thread for each connection.

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = boost::asio::ip::tcp;

void serve(tcp::socket socket) {
    beast::flat_buffer head;
    http::request<http::string_body> request;
    http::read(socket, head, request);
    auto target = std::string(request.target());
    if (target.substr(0, target.find('?')) != "/ws") {
        http::response<http::string_body> response{
            http::status::not_found, request.version(), "not found\n"};
        response.keep_alive(false);
        response.prepare_payload();
        http::write(socket, response);
        return;
    }
    beast::websocket::stream<tcp::socket> stream{std::move(socket)};
    stream.accept(request);
    for (;;) {
        beast::flat_buffer message;
        stream.read(message);
        stream.text(stream.got_text());
        stream.write(message.data());
    }
}

int main() {
    std::signal(SIGPIPE, SIG_IGN);
    const char* listen = std::getenv("LISTEN");
    std::string address = listen ? listen : "127.0.0.1:8080";
    auto colon = address.find(':');
    boost::asio::io_context context;
    tcp::acceptor acceptor{
        context,
        {boost::asio::ip::make_address(address.substr(0, colon)),
         static_cast<unsigned short>(std::stoi(address.substr(colon + 1)))}};
    std::cout << "listening on ws://" << acceptor.local_endpoint() << "/ws"
              << std::endl;
    for (;;) {
        tcp::socket socket = acceptor.accept();
        std::thread([socket = std::move(socket)]() mutable {
            try {
                serve(std::move(socket));
            } catch (const beast::system_error&) {
                // The connection has ended; Beast has sent its Close.
            }
        }).detach();
    }
}
