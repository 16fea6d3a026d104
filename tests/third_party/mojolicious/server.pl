# The WebSocket echo at /ws, with Mojolicious.

use Mojolicious::Lite -signatures;
use Mojo::Server::Daemon;

websocket '/ws' => sub ($c) {
    $c->on(text   => sub ($c, $bytes) { $c->send({text   => $bytes}) });
    $c->on(binary => sub ($c, $bytes) { $c->send({binary => $bytes}) });
};

app->log->level('fatal');
my $listen = $ENV{LISTEN} // '127.0.0.1:8080';
my $daemon = Mojo::Server::Daemon->new(
    app    => app,
    listen => ["http://$listen"],
    silent => 1,
);
$daemon->start;
$| = 1;
my ($host) = split /:/, $listen;
print "listening on ws://$host:", $daemon->ports->[0], "/ws\n";
$daemon->run;
