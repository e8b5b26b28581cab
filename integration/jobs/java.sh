#!/bin/bash
# The compiler and a program that keeps the garbage collector busy, with threads and a direct buffer.
# needs: java=default-jdk-headless javac=default-jdk-headless
set -eu
cat >Job.java <<'JAVA'
import java.nio.ByteBuffer;
import java.util.*;
import java.util.concurrent.*;
public class Job {
    public static void main(String[] a) throws Exception {
        int n = Integer.parseInt(a[0]) * 200_000;
        Map<Integer, String> live = new TreeMap<>();
        long sum = 0;
        Random r = new Random(1);
        for (int i = 0; i < n; i++) {
            live.put(r.nextInt(50_000), "value " + i);
            byte[] garbage = new byte[500 + r.nextInt(1000)];
            garbage[0] = (byte) i;
            sum += garbage[0] + garbage.length;
        }
        for (String s : live.values()) sum = sum * 31 + s.hashCode();
        ByteBuffer b = ByteBuffer.allocateDirect(32 << 20);
        for (int i = 0; i < b.capacity(); i += 4096) b.put(i, (byte) (i >> 12));
        for (int i = 0; i < b.capacity(); i += 64) sum += b.get(i);
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> parts = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            final int seed = t;
            parts.add(pool.submit(() -> { long s = seed; int[] x = new int[1 << 20]; for (int i = 0; i < x.length; i++) { x[i] = i * seed; s += x[i]; } return s; }));
        }
        for (Future<Long> f : parts) sum += f.get();
        pool.shutdown();
        System.out.println(live.size() + " " + sum);
        System.exit(5);
    }
}
JAVA
javac -J-Xmx128m Job.java
exec java -Xmx96m -cp . Job "$SIZE"
