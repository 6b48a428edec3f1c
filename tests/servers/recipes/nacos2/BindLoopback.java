package nacosserver;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/**
 * A step of the build: writes a copy of Nacos's gRPC server that listens where {@link Loopback} says.
 *
 * <p>The original calls {@code NettyServerBuilder.forPort}, which listens on every address. That one call is
 * replaced, and the copy goes before the original on the class path.
 */
public final class BindLoopback {
    private static final String SERVER = "com/alibaba/nacos/core/remote/grpc/BaseGrpcServer";
    private static int replaced;

    public static void main(String[] args) throws IOException {
        ClassWriter copy = new ClassWriter(0);
        try (InputStream original = ClassLoader.getSystemResourceAsStream(SERVER + ".class")) {
            new ClassReader(original).accept(new Methods(copy), 0);
        }
        if (replaced != 1) {
            throw new IllegalStateException("one call of forPort was expected, not " + replaced);
        }
        Path file = Path.of(args[0], SERVER + ".class");
        Files.createDirectories(file.getParent());
        Files.write(file, copy.toByteArray());
    }

    private static final class Methods extends ClassVisitor {
        Methods(ClassVisitor next) {
            super(Opcodes.ASM6, next);
        }

        @Override
        public MethodVisitor visitMethod(int access, String name, String type, String signature, String[] errors) {
            return new Calls(super.visitMethod(access, name, type, signature, errors));
        }
    }

    private static final class Calls extends MethodVisitor {
        Calls(MethodVisitor next) {
            super(Opcodes.ASM6, next);
        }

        @Override
        public void visitMethodInsn(int code, String owner, String name, String type, boolean ofInterface) {
            boolean wanted = name.equals("forPort") && owner.endsWith("/NettyServerBuilder");
            replaced += wanted ? 1 : 0;
            super.visitMethodInsn(code, wanted ? "nacosserver/Loopback" : owner, name, type, ofInterface);
        }
    }
}
