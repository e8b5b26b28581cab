// 1 GiB by ByteBuffer.allocateDirect, touched page by page, then once more. The JDK zeroes the buffer inside
// allocateDirect, so the first touch, and with it the gain, is in the allocation and not in the loop.
// prints a line per phase: NAME seconds=S
import java.nio.ByteBuffer;

public class Direct {
    static void phase(String name, long start) {
        System.out.printf(java.util.Locale.ROOT, "%s seconds=%.4f%n", name, (System.nanoTime() - start) / 1e9);
    }

    public static void main(String[] args) {
        long start = System.nanoTime();
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 30);
        phase("allocate", start);
        for (String name : new String[] {"touch", "again"}) {
            start = System.nanoTime();
            for (int i = 0; i < buffer.capacity(); i += 4096) {
                buffer.put(i, (byte) 1);
            }
            phase(name, start);
        }
    }
}
