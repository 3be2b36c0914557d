-- additive: operations may move runs that wait, which are their members then.

alter type millrace.operation_kind add value 'move';
