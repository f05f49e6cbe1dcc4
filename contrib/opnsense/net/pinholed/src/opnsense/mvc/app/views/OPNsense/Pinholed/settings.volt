{# SPDX-License-Identifier: ISC #}
<div class="content-box">
    {{ partial("layout_partials/base_form",['fields':form,'id':'frm_pinholed'])}}
    <div class="col-md-12">
        <hr/>
        <button class="btn btn-primary" id="saveAct" type="button"><b>{{ lang._('Apply') }}</b> <i id="saveAct_progress"></i></button>
    </div>
</div>

<script>
$(document).ready(function() {
    mapDataToFormUI({'frm_pinholed': '/api/pinholed/settings/get'}).done(function() {
        formatTokenizersUI();
        $('.selectpicker').selectpicker('refresh');
    });
    updateServiceControlUI('pinholed');

    $('#saveAct').click(function() {
        $('#saveAct_progress').addClass('fa fa-spinner fa-pulse');
        saveFormToEndpoint('/api/pinholed/settings/set', 'frm_pinholed', function() {
            ajaxCall('/api/pinholed/service/reconfigure', {}, function() {
                updateServiceControlUI('pinholed');
                $('#saveAct_progress').removeClass('fa fa-spinner fa-pulse');
            });
        }, true, function() {
            $('#saveAct_progress').removeClass('fa fa-spinner fa-pulse');
        });
    });
});
</script>
