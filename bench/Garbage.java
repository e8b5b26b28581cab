// Lists of small and large arrays made and dropped, some kept for a while: what a collector has to work for.
// prints a line: garbage seconds=S
import java.util.ArrayDeque;

public class Garbage {
    public static void main(String[] args) {
        long start = System.nanoTime();
        ArrayDeque<byte[][]> kept = new ArrayDeque<>();
        long sum = 0;
        for (int i = 0; i < 4000; i++) {
            byte[][] list = new byte[1000][];
            for (int j = 0; j < list.length; j++) {
                list[j] = new byte[64 + (i * 31 + j * 17) % 1024];
                list[j][0] = (byte) j;
            }
            kept.add(list);
            if (kept.size() > 400) {
                sum += kept.remove()[7][0];
            }
        }
        System.out.printf(java.util.Locale.ROOT, "garbage seconds=%.4f%n", (System.nanoTime() - start) / 1e9);
        if (sum != 7L * 3600) {
            throw new AssertionError(sum);
        }
    }
}
