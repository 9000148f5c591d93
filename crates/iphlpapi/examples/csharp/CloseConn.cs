// CloseConn: prints the IPv4 TCP table, or deletes one connection of it. Runs on Windows and, where
// libiphlpapi is installed, on Linux: the same source, the same program.
//
//   mcs CloseConn.cs
//   mono CloseConn.exe
//   mono CloseConn.exe LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT

using System;
using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

static class CloseConn
{
    const int AF_INET = 2;
    const int TCP_TABLE_OWNER_PID_ALL = 5;
    const uint NO_ERROR = 0;
    const uint ERROR_INSUFFICIENT_BUFFER = 122;
    const uint MIB_TCP_STATE_DELETE_TCB = 12;

    static readonly string[] States =
    {
        "?", "CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTAB", "FIN_WAIT1",
        "FIN_WAIT2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT", "DELETE_TCB",
    };

    [StructLayout(LayoutKind.Sequential)]
    struct MIB_TCPROW
    {
        public uint dwState;
        public uint dwLocalAddr;
        public uint dwLocalPort;
        public uint dwRemoteAddr;
        public uint dwRemotePort;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct MIB_TCPROW_OWNER_PID
    {
        public uint dwState;
        public uint dwLocalAddr;
        public uint dwLocalPort;
        public uint dwRemoteAddr;
        public uint dwRemotePort;
        public uint dwOwningPid;
    }

    [DllImport("iphlpapi.dll")]
    static extern uint SetTcpEntry(ref MIB_TCPROW pTcpRow);

    [DllImport("iphlpapi.dll")]
    static extern uint GetExtendedTcpTable(
        IntPtr pTcpTable, ref uint pdwSize, bool bOrder, uint ulAf, int TableClass, uint Reserved);

    static int Main(string[] args)
    {
        switch (args.Length)
        {
            case 0:
                return List();
            case 4:
                return Delete(args);
            default:
                Console.Error.WriteLine("usage: CloseConn [LOCALADDR LOCALPORT REMOTEADDR REMOTEPORT]");
                return 1;
        }
    }

    static int List()
    {
        uint size = 0;
        IntPtr table = IntPtr.Zero;
        try
        {
            uint code;
            // The table may grow between two calls.
            while ((code = GetExtendedTcpTable(table, ref size, true, AF_INET, TCP_TABLE_OWNER_PID_ALL, 0))
                   == ERROR_INSUFFICIENT_BUFFER)
            {
                Marshal.FreeHGlobal(table);
                table = Marshal.AllocHGlobal((int)size);
            }
            if (code != NO_ERROR)
            {
                Console.Error.WriteLine("{0}: {1}", code, new Win32Exception((int)code).Message);
                return 1;
            }
            int count = Marshal.ReadInt32(table);
            int rowSize = Marshal.SizeOf(typeof(MIB_TCPROW_OWNER_PID));
            for (int i = 0; i < count; i++)
            {
                IntPtr at = new IntPtr(table.ToInt64() + sizeof(uint) + (long)i * rowSize);
                var row = (MIB_TCPROW_OWNER_PID)Marshal.PtrToStructure(at, typeof(MIB_TCPROW_OWNER_PID));
                Console.WriteLine("{0,-10}  {1,-21}  {2,-21}  {3}",
                    row.dwState < States.Length ? States[row.dwState] : "?",
                    End(row.dwLocalAddr, row.dwLocalPort),
                    End(row.dwRemoteAddr, row.dwRemotePort),
                    row.dwOwningPid);
            }
            return 0;
        }
        finally
        {
            Marshal.FreeHGlobal(table);
        }
    }

    static int Delete(string[] args)
    {
        var row = new MIB_TCPROW { dwState = MIB_TCP_STATE_DELETE_TCB };
        if (!Parse(args[0], args[1], out row.dwLocalAddr, out row.dwLocalPort)
            || !Parse(args[2], args[3], out row.dwRemoteAddr, out row.dwRemotePort))
        {
            Console.Error.WriteLine("not the ends of an IPv4 connection");
            return 1;
        }
        uint code = SetTcpEntry(ref row);
        Console.WriteLine("{0}: {1}", code, new Win32Exception((int)code).Message);
        return code == NO_ERROR ? 0 : 1;
    }

    // The port is in the low 16 bits, in network byte order; the others may hold anything.
    static string End(uint address, uint port)
    {
        ushort number = (ushort)IPAddress.NetworkToHostOrder((short)(port & 0xffff));
        return new IPAddress(address) + ":" + number;
    }

    static bool Parse(string addressWord, string portWord, out uint address, out uint port)
    {
        address = port = 0;
        IPAddress parsed;
        ushort number;
        if (!IPAddress.TryParse(addressWord, out parsed)
            || parsed.AddressFamily != AddressFamily.InterNetwork
            || !ushort.TryParse(portWord, out number))
        {
            return false;
        }
        address = BitConverter.ToUInt32(parsed.GetAddressBytes(), 0);
        port = (ushort)IPAddress.HostToNetworkOrder((short)number);
        return true;
    }
}
