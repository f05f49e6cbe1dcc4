{# SPDX-License-Identifier: ISC #}
<div class="content-box">
    <p id="pinholed_error" class="text-danger"></p>
    <table class="table table-condensed" id="pinholed_summary"></table>
    <h2>{{ lang._('Calls') }}</h2>
    <table class="table table-striped table-condensed" id="pinholed_calls"></table>
    <h2>{{ lang._('Pinholes') }}</h2>
    <table class="table table-striped table-condensed" id="pinholed_pinholes"></table>
</div>

<script>
$(document).ready(function() {
    /* Each table: its columns as key and title. */
    const tables = {
        summary: [['version', "{{ lang._('Version') }}"], ['backend', "{{ lang._('Packet filter') }}"],
            ['uptime', "{{ lang._('Seconds up') }}"], ['calls', "{{ lang._('Calls') }}"],
            ['pinholes', "{{ lang._('Pinholes') }}"], ['calls_total', "{{ lang._('Calls in all') }}"],
            ['refusals_total', "{{ lang._('Refused in all') }}"], ['capture_drops', "{{ lang._('Packets missed') }}"]],
        calls: [['call', 'Call-ID'], ['state', "{{ lang._('State') }}"], ['from', "{{ lang._('From') }}"],
            ['to', "{{ lang._('To') }}"], ['since', "{{ lang._('Since') }}"],
            ['pinholes', "{{ lang._('Pinholes') }}"], ['last_media', "{{ lang._('Last media') }}"]],
        pinholes: [['id', "{{ lang._('Number') }}"], ['dir', "{{ lang._('Direction') }}"],
            ['proto', "{{ lang._('Protocol') }}"], ['src', "{{ lang._('From') }}"],
            ['dst', "{{ lang._('To') }}"], ['dport', "{{ lang._('Ports') }}"],
            ['reason', "{{ lang._('Why') }}"], ['packets', "{{ lang._('Packets') }}"]]
    };

    function cell(row, key) {
        const value = row[key];
        if (value === null || value === undefined) {
            return '-';
        }
        if (key === 'since' || key === 'last_media') {
            return new Date(value * 1000).toLocaleTimeString();
        }
        if (key === 'dport' && row.dport_end !== undefined && row.dport_end !== value) {
            return value + '-' + row.dport_end;
        }
        return Array.isArray(value) ? String(value.length) : String(value);
    }

    /* Call-IDs come from strangers: text, never HTML. */
    function line(tag, texts) {
        const row = document.createElement('tr');
        texts.forEach(function(text) {
            row.appendChild(document.createElement(tag)).textContent = text;
        });
        return row;
    }

    Object.keys(tables).forEach(function(what) {
        ajaxGet('/api/pinholed/service/show/' + what, {}, function(data) {
            const table = document.getElementById('pinholed_' + what);
            const columns = tables[what];
            if (data.error) {
                document.getElementById('pinholed_error').textContent = data.error;
                return;
            }
            table.appendChild(line('th', columns.map(function(c) { return c[1]; })));
            data.rows.forEach(function(row) {
                table.appendChild(line('td', columns.map(function(c) { return cell(row, c[0]); })));
            });
        });
    });
});
</script>
