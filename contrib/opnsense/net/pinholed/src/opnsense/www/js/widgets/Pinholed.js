/* SPDX-License-Identifier: ISC */

export default class Pinholed extends BaseTableWidget {
    constructor(config) {
        super(config);
        this.tickTimeout = 10;
    }

    getGridOptions() {
        return { sizeToContent: 300 };
    }

    getMarkup() {
        const $container = $('<div></div>');

        $container.append(this.createTable('pinholed-table', { headerPosition: 'left' }));
        return $container;
    }

    async onWidgetTick() {
        const data = await this.ajaxCall(`/api/pinholed/service/${'show/summary'}`);
        const s = data && data.rows && data.rows[0];

        if (!s) {
            this.updateTable('pinholed-table', [[[this.translations.service], this.translations.stopped]]);
            return;
        }
        if (!this.dataChanged('summary', s)) {
            return;
        }
        this.updateTable('pinholed-table', [
            [[this.translations.calls], String(Number(s.calls))],
            [[this.translations.pinholes], String(Number(s.pinholes))],
            [[this.translations.total], String(Number(s.calls_total))],
            [[this.translations.refused], String(Number(s.refusals_total))],
            [[this.translations.drops], String(Number(s.capture_drops))]
        ]);
    }
}
