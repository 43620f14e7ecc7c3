#!/usr/bin/perl
# Relays requests from a unix socket to the Nitro Security Module and its answers back.
#   nsm-bridge.pl SOCKET [DEVICE]        DEVICE is /dev/nsm unless given
# Node cannot do an ioctl; perl-base, which is part of every Debian system, can. Nothing here reads a message: the
# bytes of the socket go to the device and the bytes of the device go to the socket, each behind a u32 big-endian
# length. One request at a time. Runs inside the enclave image, where only the enclave can reach the socket.
use strict;
use warnings;
use Socket qw(AF_UNIX SOCK_STREAM SOMAXCONN pack_sockaddr_un);

# _IOWR(0x0A, 0, struct nsm_raw) of linux/nsm.h: two iovecs, request and response, each an address and a length.
my $NSM_IOCTL_RAW      = 0xC0200A00;
my $REQUEST_BYTES_MAX  = 0x1000;
my $RESPONSE_BYTES_MAX = 0x4000;
my $LENGTH_BYTES       = 4;
my $PEER_SECONDS       = 10;

my ( $socket_path, $device_path ) = @ARGV;
die "usage: nsm-bridge.pl SOCKET [DEVICE]\n" unless defined $socket_path;
$device_path = '/dev/nsm' unless defined $device_path;

open( my $device, '+<', $device_path ) or die "nsm-bridge: cannot open $device_path: $!\n";

$SIG{PIPE} = 'IGNORE';
$SIG{TERM} = $SIG{INT} = sub { unlink $socket_path; exit 0 };

my $server = listen_on($socket_path);
print STDERR "nsm-bridge: relays $socket_path to $device_path\n";
while (1) {
    accept( my $peer, $server ) or next;
    # A peer that stalls or breaks the framing costs its own connection only.
    eval {
        local $SIG{ALRM} = sub { die "a peer stood still for $PEER_SECONDS s\n" };
        alarm $PEER_SECONDS;
        while ( relay_one($peer) ) { alarm $PEER_SECONDS }
        1;
    } or print STDERR "nsm-bridge: $@";
    alarm 0;
    close $peer;
}

sub listen_on {
    my ($path) = @_;
    if ( -S $path ) { unlink $path or die "nsm-bridge: cannot remove the old $path: $!\n" }
    socket( my $listener, AF_UNIX, SOCK_STREAM, 0 ) or die "nsm-bridge: socket: $!\n";
    my $mask = umask 0177;
    bind( $listener, pack_sockaddr_un($path) ) or die "nsm-bridge: cannot bind $path: $!\n";
    umask $mask;
    listen( $listener, SOMAXCONN ) or die "nsm-bridge: listen: $!\n";
    return $listener;
}

# False at the end of the stream, before a new request.
sub relay_one {
    my ($peer) = @_;
    my $head = read_bytes( $peer, $LENGTH_BYTES, 1 );
    return 0 unless defined $head;
    my $length = unpack 'N', $head;
    die "a request of $length bytes, expected 1 to $REQUEST_BYTES_MAX\n" if $length < 1 || $length > $REQUEST_BYTES_MAX;
    my $response = ask_device( read_bytes( $peer, $length, 0 ) );
    write_bytes( $peer, pack( 'N', length $response ) . $response );
    return 1;
}

sub ask_device {
    my ($request) = @_;
    my $response = "\0" x $RESPONSE_BYTES_MAX;
    my $raw = pack 'Q4', address_of($request), length $request, address_of($response), $RESPONSE_BYTES_MAX;
    defined ioctl( $device, $NSM_IOCTL_RAW, $raw ) or die "the device refused: $!\n";
    # The driver writes the true length of the response into its iovec.
    my $length = ( unpack 'Q4', $raw )[3];
    die "a response of $length bytes, expected 1 to $RESPONSE_BYTES_MAX\n" if $length < 1 || $length > $RESPONSE_BYTES_MAX;
    return substr $response, 0, $length;
}

# By alias, not by copy: the address must be that of the caller's buffer.
sub address_of { return unpack 'Q', pack( 'P', $_[0] ) }

sub read_bytes {
    my ( $peer, $wanted, $may_end ) = @_;
    my $bytes = '';
    while ( length $bytes < $wanted ) {
        my $got = sysread $peer, $bytes, $wanted - length $bytes, length $bytes;
        die "cannot read from a peer: $!\n" unless defined $got;
        next if $got > 0;
        return undef if $may_end && length $bytes == 0;
        die "a peer hung up inside a request\n";
    }
    return $bytes;
}

sub write_bytes {
    my ( $peer, $bytes ) = @_;
    my $sent = 0;
    while ( $sent < length $bytes ) {
        my $wrote = syswrite $peer, $bytes, length($bytes) - $sent, $sent;
        die "cannot write to a peer: $!\n" unless defined $wrote;
        $sent += $wrote;
    }
    return;
}
