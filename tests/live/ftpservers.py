# SPDX-License-Identifier: ISC
"""FTP servers as people run them.  They conflict as packages, so ./check
unpacks them; one that is installed will do as well."""
import os
import shutil
import signal
import subprocess

from net import sh, until

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "../../build-check/servers")
os.environ["PATH"] += "".join(f":{ROOT}/usr/{d}" for d in ("sbin", "bin"))

VSFTPD = """
listen=NO
listen_ipv6=YES
background=NO
anonymous_enable=YES
local_enable=NO
no_anon_password=YES
ftp_username=daemon
nopriv_user=nobody
anon_root={files}
secure_chroot_dir={dir}/empty
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
connect_from_port_20=YES
seccomp_sandbox=NO
pasv_min_port={lo}
pasv_max_port={hi}
max_per_ip=0
max_clients=0
"""
TLS = """
ssl_enable=YES
allow_anon_ssl=YES
force_local_data_ssl=NO
force_anon_data_ssl=NO
force_local_logins_ssl=NO
force_anon_logins_ssl=NO
ssl_ciphers=HIGH
require_ssl_reuse=NO
rsa_cert_file={dir}/cert.pem
rsa_private_key_file={dir}/key.pem
"""
PROFTPD = """
ServerName test
# Or it wants the name of this host to have one.
DefaultAddress 127.0.0.1
ServerType standalone
Port 21
UseIPv6 on
UseReverseDNS off
User nobody
Group nogroup
ModulePath {root}/usr/lib/proftpd
AuthOrder mod_auth_file.c
AuthUserFile {dir}/passwd
RequireValidShell off
ScoreboardFile {dir}/scoreboard
PidFile {dir}/pid
DelayEngine off
WtmpLog off
SystemLog none
TransferLog none
PassivePorts {lo} {hi}
AllowOverwrite on
"""


def passwd(home):
    secret = sh("openssl", "passwd", "-6", "secret").strip()
    return f"me:{secret}:65534:65534::{home}:/bin/false\n"


class Server:
    """An FTP server in a namespace, on port 21 of all its addresses."""

    def __init__(self, net, kind, where, ports=(40000, 41000), tls=False):
        self.net, self.where = net, where
        self.user = "ftp" if kind == "vsftpd" else "me"
        self.dir = f"/tmp/{net.tag}-ftp"
        self.files = f"{self.dir}/files"
        for d in (self.files, f"{self.files}/up", f"{self.dir}/empty"):
            os.makedirs(d)
            os.chmod(d, 0o755)
        os.chmod(f"{self.files}/up", 0o777)
        self.data = os.urandom(1 << 20)
        with open(f"{self.files}/big", "wb") as f:
            f.write(self.data)
        self.words = {"dir": self.dir, "files": self.files, "lo": ports[0],
                      "hi": ports[1], "root": ROOT}
        self.proc = subprocess.Popen(
            [*net.enter(where), *getattr(self, kind.replace("-", ""))(tls)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        until(lambda: ":21 " in net.run(where, "ss", "-ltnH"), 5, kind)

    def write(self, name, text):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="ascii",
                  opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text.format(**self.words))
        return path

    def vsftpd(self, tls):
        text = VSFTPD
        if tls:
            text += TLS
            sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
               "-subj", "/CN=test", "-keyout", f"{self.dir}/key.pem",
               "-out", f"{self.dir}/cert.pem")
        return "vsftpd", self.write("conf", text)

    def proftpd(self, _):
        self.write("passwd", passwd(self.files).replace("{", "{{"))
        return "proftpd", "-n", "-q", "-c", self.write("conf", PROFTPD)

    def pureftpd(self, _):
        db = f"{self.dir}/users"
        # Not by `pure-pw useradd`: its hash takes seconds of both ends' time.
        secret = sh("openssl", "passwd", "-1", "secret").strip()
        self.write("users", f"me:{secret}:65534:65534::{self.files}/./" +
                   ":" * 12 + "\n")
        sh("pure-pw", "mkdb", f"{db}.pdb", "-f", db)
        return ("pure-ftpd", "-S", ",21", "-l", f"puredb:{db}.pdb", "-E",
                "-H", "-c", "600", "-C", "600", "-g", f"{self.dir}/pid",
                "-p", f"{self.words['lo']}:{self.words['hi']}")

    def close(self):
        try:
            os.killpg(self.proc.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.proc.wait(5)
        shutil.rmtree(self.dir)
