# Stands in for the kernel's nsm driver in `infra/nitro/nsm-bridge.pl`: loaded by `perl -MFakeNsm`, it replaces
# `ioctl`. A request is answered by "answer:" and the request; one that begins with "!" fails as a busy device does.
package FakeNsm;
use strict;
use warnings;
use Errno qw(EBUSY);

BEGIN {
    *CORE::GLOBAL::ioctl = sub (*$$) {
        my ( undef, $command ) = @_;
        die sprintf( "unexpected ioctl %x\n", $command ) unless $command == 0xC0200A00;
        my ( $request_at, $request_bytes, $response_at, $response_room ) = unpack 'Q4', $_[2];
        my $request = unpack "P$request_bytes", pack( 'Q', $request_at );
        if ( $request =~ /^!/ ) { $! = EBUSY; return undef }
        my $answer = "answer:$request";
        # Perl cannot write to an address; read(2), which is call 0 on x86-64 and 63 on arm64, can.
        my $read = `uname -m` =~ /^(aarch64|arm64)/ ? 63 : 0;
        pipe( my $from, my $to ) or die "pipe: $!";
        syswrite $to, $answer;
        syscall( $read, fileno($from), $response_at, length $answer ) == length $answer or die "read: $!";
        $_[2] = pack 'Q4', $request_at, $request_bytes, $response_at, length $answer;
        return '0 but true';
    };
}

1;
