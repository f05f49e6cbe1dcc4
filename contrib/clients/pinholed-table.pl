#!/usr/bin/env perl
# SPDX-License-Identifier: ISC
#
# Change a table of a packet filter elsewhere: pinholed-tables(7), version 3.
# Nothing but modules that come with Perl.  Exits with 0: done, 1: refused,
# 2: wrong usage, 3: no answer.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Getopt::Std;
use IO::Select;
use IO::Socket::IP;
use Socket qw(AF_INET AF_INET6 SOCK_DGRAM inet_pton);

use constant { TRIES => 3, WAIT => 2, ENTRIES => 46 };

my %COMMAND = (add => 1, delete => 2, flush => 3);
my @STATUS = (
    'done', 'the clocks differ by more than a minute', 'no such table',
    'no such command', 'a prefix of length 0 is every address',
    'an address that is never entered', 'no room for more entries',
    'the packet filter has refused it', 'busy; try again',
);

sub wrong { print STDERR "pinholed-table.pl: @_\n"; exit 2 }

sub usage {
    print STDERR 'usage: pinholed-table.pl [-k file] [-n name] [-p port] ',
        "[-t seconds]\n",
        "           host table add|delete|flush [address[/length] ...]\n";
    exit 2;
}

# u8 4 or 6, u8 prefix length, u16 0, u32 timeout, 16 address
sub entry {
    my ($text, $timeout) = @_;
    my ($address, $length) = split m{/}, $text, 2;
    my $v6 = $address =~ /:/;
    my $packed = inet_pton($v6 ? AF_INET6 : AF_INET, $address)
        or wrong("$text: not an address");
    $length //= $v6 ? 128 : 32;
    $length =~ /^\d+$/ && $length <= ($v6 ? 128 : 32)
        or wrong("$text: not a prefix");
    return pack 'CCnNa16', $v6 ? 6 : 4, $length, 0, $timeout, $packed;
}

sub nonce {
    open my $f, '<:raw', '/dev/urandom' or wrong("/dev/urandom: $!");
    read($f, my $bytes, 8) == 8 or wrong('no random numbers');
    return $bytes;
}

# The answer is signed together with the signature of what it answers.
sub await {
    my ($socket, $key, $nonce, $mac) = @_;
    my $end = time + WAIT;
    my $select = IO::Select->new($socket);
    while ((my $left = $end - time) > 0) {
        $select->can_read($left) or next;
        defined $socket->recv(my $reply, 2048) or next;
        next if length $reply != 56 || substr($reply, 8, 8) ne $nonce;
        next if hmac_sha256(substr($reply, 0, 24) . $mac, $key) ne
            substr($reply, 24);
        return $reply;
    }
    return;
}

sub change {
    my ($socket, $key, $name, $table, $command, @entries) = @_;
    for (1 .. TRIES) {
        my $nonce = nonce();
        my $text = pack('CCCCNa8a32a32', 3, $command, 0, scalar @entries,
            time, $nonce, $name, $table) . join '', @entries;
        my $mac = hmac_sha256($text, $key);
        defined $socket->send($text . $mac) or wrong("send: $!");
        my $reply = await($socket, $key, $nonce, $mac) // next;
        return unpack 'x2C', $reply;
    }
    print STDERR "pinholed-table.pl: no answer\n";
    exit 3;
}

my %opt = (n => '', p => 56789, t => 0);
getopts('k:n:p:t:', \%opt) && @ARGV >= 3 or usage();
my ($host, $table, $command, @addresses) = @ARGV;
usage() unless $COMMAND{$command} && ($command eq 'flush') == !@addresses;

my $key = '';
if (defined $opt{k}) {
    open my $f, '<:raw', $opt{k} or wrong("$opt{k}: $!");
    read $f, $key, 64;
}
my $socket = IO::Socket::IP->new(
    PeerHost => $host,
    PeerPort => $opt{p},
    Type     => SOCK_DGRAM,
) or wrong("$host: $@");

my @entries = map { entry($_, $opt{t}) } @addresses;
my $worst = 0;
do {
    my $status = change($socket, $key, $opt{n}, $table, $COMMAND{$command},
        splice @entries, 0, ENTRIES);
    if ($status != 0) {
        print STDERR "pinholed-table.pl: refused: ",
            $STATUS[$status] // "status $status", "\n";
        $worst = 1;
    }
} while @entries;
exit $worst;
