"""Whether a document has the fields of Kubernetes' API, as its Python client knows them."""

from __future__ import annotations

_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def check_fields(value, kind):
    """Make sure that a value has the fields of a class of the API, such as ``V1Pod``, and no others."""
    from kubernetes.client import models

    if kind.startswith("list["):
        for each in value:
            check_fields(each, kind[5:-1])
    elif kind.startswith("dict("):
        for each in value.values():
            check_fields(each, kind[5:-1].partition(", ")[2])
    elif not hasattr(models, kind):
        assert isinstance(value, _PLAIN.get(kind, object)), f"{value!r} is no {kind}"
    else:
        model = getattr(models, kind)
        names = {said: name for name, said in model.attribute_map.items()}
        for name, each in value.items():
            assert name in names, f"{kind} has no {name}"
            check_fields(each, model.openapi_types[names[name]])
