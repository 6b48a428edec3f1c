package nacosserver;

import io.grpc.ServerBuilder;
import io.grpc.ServerProvider;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.net.InetSocketAddress;

/**
 * Makes gRPC servers listen on 127.0.0.1 alone.
 *
 * <p>Raft asks gRPC for whatever provider has the highest priority and has no setting for the address. Nacos 3 has
 * a setting for its own servers; Nacos 2 has none, and is made to call {@link #forPort} by {@code BindLoopback}.
 */
public final class Loopback extends ServerProvider {
    public static NettyServerBuilder forPort(int port) {
        return NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", port));
    }

    @Override
    protected ServerBuilder<?> builderForPort(int port) {
        return forPort(port);
    }

    @Override
    protected boolean isAvailable() {
        return true;
    }

    @Override
    protected int priority() {
        return 10; // Netty's own provider says 5
    }
}
