// closeconn: prints the IPv4 TCP table, or deletes one connection of it. A program for Windows, as it is.

using System;
using System.Net;
using System.Runtime.InteropServices;

static class CloseConn
{
    [StructLayout(LayoutKind.Sequential)]
    struct MIB_TCPROW
    {
        public uint state;
        public uint localAddr;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 4)] public byte[] localPort;
        public uint remoteAddr;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 4)] public byte[] remotePort;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct MIB_TCPROW_OWNER_PID
    {
        public uint state;
        public uint localAddr;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 4)] public byte[] localPort;
        public uint remoteAddr;
        [MarshalAs(UnmanagedType.ByValArray, SizeConst = 4)] public byte[] remotePort;
        public uint owningPid;
    }

    [DllImport("iphlpapi.dll", SetLastError = true)]
    static extern uint GetExtendedTcpTable(IntPtr pTcpTable, ref int dwOutBufLen, bool sort, int ipVersion,
        int tblClass, uint reserved = 0);

    [DllImport("iphlpapi.dll")]
    private static extern int SetTcpEntry(IntPtr pTcprow);

    static string End(uint addr, byte[] port)
    {
        return new IPAddress(addr) + ":" + BitConverter.ToUInt16(new byte[2] { port[1], port[0] }, 0);
    }

    static void List()
    {
        int bufferSize = 0;
        GetExtendedTcpTable(IntPtr.Zero, ref bufferSize, true, 2, 5);
        IntPtr table = Marshal.AllocHGlobal(bufferSize);
        try
        {
            if (GetExtendedTcpTable(table, ref bufferSize, true, 2, 5) != 0)
                throw new Exception("GetExtendedTcpTable");
            int count = Marshal.ReadInt32(table);
            IntPtr at = (IntPtr)((long)table + 4);
            for (int i = 0; i < count; i++)
            {
                var row = (MIB_TCPROW_OWNER_PID)Marshal.PtrToStructure(at, typeof(MIB_TCPROW_OWNER_PID));
                Console.WriteLine("{0} {1} {2} {3}", row.state, End(row.localAddr, row.localPort),
                    End(row.remoteAddr, row.remotePort), row.owningPid);
                at = (IntPtr)((long)at + Marshal.SizeOf(row));
            }
        }
        finally
        {
            Marshal.FreeHGlobal(table);
        }
    }

    static byte[] Port(string word)
    {
        ushort port = ushort.Parse(word);
        return new byte[4] { (byte)(port >> 8), (byte)port, 0, 0 };
    }

    static uint Address(string word)
    {
        return BitConverter.ToUInt32(IPAddress.Parse(word).GetAddressBytes(), 0);
    }

    static int Main(string[] args)
    {
        if (args.Length == 0)
        {
            List();
            return 0;
        }
        var row = new MIB_TCPROW
        {
            state = args.Length > 4 ? uint.Parse(args[4]) : 12,
            localAddr = Address(args[0]),
            localPort = Port(args[1]),
            remoteAddr = Address(args[2]),
            remotePort = Port(args[3]),
        };
        IntPtr ptr = Marshal.AllocCoTaskMem(Marshal.SizeOf(row));
        Marshal.StructureToPtr(row, ptr, false);
        int code = SetTcpEntry(ptr);
        Marshal.FreeCoTaskMem(ptr);
        Console.WriteLine(code);
        return code == 0 ? 0 : 1;
    }
}
