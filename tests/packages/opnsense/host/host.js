/* SPDX-License-Identifier: ISC */
/* The functions that pages and widgets of OPNsense call, in so far as ours do. */

class Found {
	constructor(elements) { this.elements = elements; }
	each(f) { this.elements.forEach(f); return this; }
	ready(f) { document.addEventListener('DOMContentLoaded', f); return this; }
	click(f) { return this.each((e) => e.addEventListener('click', f)); }
	addClass() { return this; }
	removeClass() { return this; }
	selectpicker() { return this; }
	append(what) { return this.each((e) => e.append(...what.elements)); }
}

function $(what) {
	if (what === document) {
		return new Found([document]);
	}
	if (what[0] === '<') {
		const template = document.createElement('template');
		template.innerHTML = what;
		return new Found([template.content.firstChild]);
	}
	return new Found([...document.querySelectorAll(what)]);
}

/* One after the other: a browser without a screen counts no time meanwhile. */
function ask(method, url, data) {
	const r = new XMLHttpRequest();
	r.open(method, url, false);
	r.send(data ? JSON.stringify(data) : null);
	return JSON.parse(r.responseText);
}

const ajaxGet = (url, data, callback) => callback(ask('GET', url), 'success');
const ajaxCall = (url, data, callback) => callback(ask('POST', url, data), 'success');
const formatTokenizersUI = () => {};
const updateServiceControlUI = () => {};

function mapDataToFormUI(map) {
	for (const [form, url] of Object.entries(map)) {
		const data = ask('GET', url);
		document.querySelectorAll(`#${form} [id]`).forEach((e) => {
			const value = e.id.split('.').reduce((at, key) => at && at[key], data);
			if (value === undefined) {
				return;
			}
			if (e.type === 'checkbox') {
				e.checked = value === '1';
			} else {
				e.value = value;
			}
		});
	}
	return { done: (f) => f() };
}

function saveFormToEndpoint(url, form, ok, quiet, fail) {
	const data = {};
	document.querySelectorAll(`#${form} input, #${form} textarea, #${form} select`).forEach((e) => {
		const keys = e.id.split('.');
		const last = keys.pop();
		const at = keys.reduce((a, key) => a[key] = a[key] || {}, data);
		at[last] = e.type === 'checkbox' ? (e.checked ? '1' : '0') : e.value;
	});
	const answer = ask('POST', url, data);
	document.querySelectorAll('.help-block').forEach((e) => { e.textContent = ''; });
	for (const [field, messages] of Object.entries(answer.validations || {})) {
		document.getElementById(`help_block_${field}`).textContent = [].concat(messages).join('; ');
	}
	(answer.validations ? fail : ok)(answer);
}

class BaseTableWidget {
	constructor(config) {
		this.config = config;
		this.seen = {};
	}
	createTable(id) { return $(`<table id="${id}"></table>`); }
	updateTable(id, rows) {
		document.getElementById(id).innerHTML = rows.map(([head, cell]) =>
			`<tr><th>${head}</th><td>${cell}</td></tr>`).join('');
	}
	dataChanged(id, data) {
		const before = this.seen[id];
		this.seen[id] = JSON.stringify(data);
		return before !== this.seen[id];
	}
	async ajaxCall(url) { return ask('GET', url); }
}
