// closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is.

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.ptr.IntByReference;
import java.net.InetAddress;

public class CloseConn {
    public interface IPHlpAPI extends Library {
        IPHlpAPI INSTANCE = Native.load("IPHlpAPI", IPHlpAPI.class);

        @Structure.FieldOrder({"dwState", "dwLocalAddr", "dwLocalPort", "dwRemoteAddr", "dwRemotePort"})
        class MIB_TCPROW extends Structure {
            public int dwState;
            public int dwLocalAddr;
            public int dwLocalPort;
            public int dwRemoteAddr;
            public int dwRemotePort;
        }

        int GetExtendedTcpTable(Pointer table, IntByReference size, boolean order, int family, int tableClass, int reserved);

        int SetTcpEntry(MIB_TCPROW row);
    }

    /** The same by another of its names. */
    public interface Other extends Library {
        Other INSTANCE = Native.load("iphlpapi.dll", Other.class);

        int SetTcpEntry(IPHlpAPI.MIB_TCPROW row);
    }

    static String end(int address, int port) {
        return (address & 0xFF) + "." + (address >> 8 & 0xFF) + "." + (address >> 16 & 0xFF) + "." + (address >>> 24)
            + ":" + ((port & 0xFF) << 8 | port >> 8 & 0xFF);
    }

    static void list() {
        IntByReference size = new IntByReference(0);
        IPHlpAPI.INSTANCE.GetExtendedTcpTable(null, size, true, 2, 5, 0);
        Memory table = new Memory(size.getValue());
        int code = IPHlpAPI.INSTANCE.GetExtendedTcpTable(table, size, true, 2, 5, 0);
        if (code != 0) {
            throw new IllegalStateException("GetExtendedTcpTable: " + code);
        }
        for (int i = 0; i < table.getInt(0); i++) {
            int[] row = table.getIntArray(4 + 24 * i, 6);
            System.out.println(row[0] + " " + end(row[1], row[2]) + " " + end(row[3], row[4]) + " " + row[5]);
        }
    }

    static int address(String word) throws Exception {
        byte[] bytes = InetAddress.getByName(word).getAddress();
        return bytes[0] & 0xFF | (bytes[1] & 0xFF) << 8 | (bytes[2] & 0xFF) << 16 | bytes[3] << 24;
    }

    static int port(String word) {
        return Short.reverseBytes((short) Integer.parseInt(word)) & 0xFFFF;
    }

    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            list();
            return;
        }
        IPHlpAPI.MIB_TCPROW row = new IPHlpAPI.MIB_TCPROW();
        row.dwState = args.length > 4 ? Integer.parseInt(args[4]) : 12;
        row.dwLocalAddr = address(args[0]);
        row.dwLocalPort = port(args[1]);
        row.dwRemoteAddr = address(args[2]);
        row.dwRemotePort = port(args[3]);
        int code = args.length > 4 ? Other.INSTANCE.SetTcpEntry(row) : IPHlpAPI.INSTANCE.SetTcpEntry(row);
        System.out.println(code);
        System.exit(code == 0 ? 0 : 1);
    }
}
